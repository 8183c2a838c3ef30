/**
 * The only module that loads ECharts; pages reach it through {@link LazyChart}, so that it is no part of the first paint.
 * The SVG renderer keeps text sharp and lets every chart be copied as SVG the same way as the hand-drawn ones.
 */
import { BarChart, CustomChart, SankeyChart, ScatterChart } from "echarts/charts";
import { GridComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import * as core from "echarts/core";
import { LabelLayout } from "echarts/features";
import { SVGRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";

core.use([
  BarChart,
  CustomChart,
  SankeyChart,
  ScatterChart,
  GridComponent,
  MarkLineComponent,
  TooltipComponent,
  LabelLayout,
  SVGRenderer,
]);

export interface EChartProps {
  option: core.EChartsCoreOption;
  width: number;
  height: number;
}

export default function EChart({ option, width, height }: EChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<core.ECharts | null>(null);
  useEffect(() => {
    const made = core.init(box.current, undefined, { renderer: "svg", width: 10, height: 10 });
    chart.current = made;
    return () => made.dispose();
  }, []);
  useEffect(() => {
    chart.current?.resize({ width, height });
    chart.current?.setOption(option, { notMerge: true });
  }, [option, width, height]);
  return <div ref={box} style={{ width, height }} />;
}
