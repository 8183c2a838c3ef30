/** ECharts on demand. */
import { lazy } from "react";

export const LazyChart = lazy(() => import("./echart"));
