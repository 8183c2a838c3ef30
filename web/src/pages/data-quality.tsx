/** How good are the values? A scorecard by source, then by field; every share with what it is a share of. */
import { useQuery } from "@tanstack/react-query";
import { createColumnHelper } from "@tanstack/react-table";
import { queries } from "../api/queries";
import type { FieldQuality, Quality, QualityShare, SourceQuality } from "../api/types";
import { Frame } from "../charts/frame";
import { Shares, sharesIndex } from "../charts/shares";
import * as number from "../format/number";
import { knownTrend, qualityHeadline } from "../format/sentences";
import * as time from "../format/time";
import { GLOSSARY, title } from "../format/words";
import { Choice } from "../ui/choice";
import { useFilter } from "../ui/filter";
import { Empty, ErrorState, PageSkeleton } from "../ui/states";
import { DataTable } from "../ui/table";
import { Tip } from "../ui/tip";
import { DataHead, SourceLink } from "./data-parts";

export default function QualityPage() {
  const { search, set } = useFilter();
  const { data, error, refetch } = useQuery(queries.quality(undefined));
  if (error && !data) return <ErrorState error={error} retry={() => void refetch()} />;
  if (!data) return <PageSkeleton />;
  const shown = data.sources.some(({ source }) => source === search.source) ? search.source : undefined;
  const fields = data.fields.filter((field) => !shown || field.source === shown);
  const chosen = fields.find((field) => `${field.source}.${name(field)}` === search.field);
  return (
    <>
      <DataHead kicker="Data · Quality" title={qualityHeadline(data)} />
      {data.reason ? (
        <Empty title="No values were counted yet">{data.reason}</Empty>
      ) : (
        <>
          <Scorecard data={data} />
          <section className="section" id="fields">
            <header>
              <h2>{shown ? `Fields of ${title(shown)}` : "Fields"}</h2>
              <Choice
                label="Source"
                value={shown}
                all="All"
                options={data.sources.map(({ source }) => [source, title(source)] as const)}
                choose={(source) => set({ source, field: undefined })}
              />
            </header>
            {chosen && <FieldTrend field={chosen} close={() => set({ field: undefined })} />}
            <FieldTable fields={fields} withSource={!shown} open={(field) => set({ field })} />
          </section>
        </>
      )}
    </>
  );
}

/** `records.phones`, or the raw column. */
const name = (field: FieldQuality) => (field.target ? `${field.target}.${field.field}` : field.field);

/** A share with a bar as long as it is; the reason where there is none. */
export function ShareCell({ share }: { share: QualityShare }) {
  if (share.share === null) return <span className="quiet small">{why(share)}</span>;
  return (
    <span className="share" title={`${number.count(share.share * share.n)} of ${number.count(share.n)}`}>
      <b>{number.countedPercent(share.share)}</b>
      <span className="share-bar" aria-hidden="true">
        <span style={{ width: `${share.share * 100}%` }} />
      </span>
      <small>n {number.shortCount(share.n)}</small>
    </span>
  );
}

function why(share: QualityShare): string {
  const words: Record<string, string> = {
    empty: "nothing there",
    not_computed: "not computed",
    no_expectation: "no expectation declared",
    no_bound: "no bound declared",
  };
  return words[share.reason ?? ""] ?? share.reason ?? "–";
}

const order = (share: QualityShare) => share.share ?? Number.POSITIVE_INFINITY;

const of = createColumnHelper<SourceQuality>();
const shareColumn = (key: "completeness" | "validity" | "consistency") =>
  of.accessor((row) => order(row[key]), {
    id: key,
    header: () => <Tip text={GLOSSARY[key]}>{title(key)}</Tip>,
    cell: ({ row }) => <ShareCell share={row.original[key]} />,
  });
const SOURCE_COLUMNS = [
  of.accessor("source", { header: "Source", cell: ({ getValue }) => <SourceLink source={getValue()} /> }),
  shareColumn("completeness"),
  shareColumn("validity"),
  shareColumn("consistency"),
  of.accessor((row) => order(row.timeliness), {
    id: "timeliness",
    header: () => <Tip text={GLOSSARY.timeliness}>Timeliness</Tip>,
    cell: ({ row: { original } }) =>
      original.timeliness.share === null && original.median_lag_ms !== null ? (
        <span>
          {time.duration(original.median_lag_ms)} <small className="quiet">median lag</small>
        </span>
      ) : (
        <ShareCell share={original.timeliness} />
      ),
  }),
];

function Scorecard({ data }: { data: Quality }) {
  return (
    <section className="section">
      <header>
        <h2>Scorecard</h2>
        <p>over all fields of a source; uniqueness is told by field</p>
      </header>
      <DataTable label="Quality by source" rows={data.sources} columns={SOURCE_COLUMNS} />
    </section>
  );
}

/** What moved between the first and the last batch, as text and as a line. */
function TrendCell({ field }: { field: FieldQuality }) {
  const trend = knownTrend(field);
  if (trend.length < 2) return <span className="quiet small">{trend.length === 1 ? "one batch" : "too few"}</span>;
  const known = trend.map(({ share }) => share);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const [first, last] = [known[0]!, known.at(-1)!];
  const y = (value: number) => (high - low < 0.005 ? 8 : 14 - ((value - low) / (high - low)) * 12);
  const points = known.map((value, i) => `${1 + (i / (known.length - 1)) * 58},${y(value)}`).join(" ");
  return (
    <span className="nowrap">
      <svg width="60" height="16" viewBox="0 0 60 16" aria-hidden="true" className="trend">
        <polyline points={points} fill="none" stroke="currentColor" strokeWidth="1.5" />
      </svg>{" "}
      <small className={Math.abs(last - first) >= 0.05 ? undefined : "quiet"}>
        {Math.abs(last - first) < 0.005 ? "steady" : `${number.signed(last - first, "share_points")} points`}
      </small>{" "}
      <small className="quiet">
        n {number.shortCount(trend[0]!.n)} and {number.shortCount(trend.at(-1)!.n)}
      </small>
    </span>
  );
}

export function FieldTable({
  fields,
  withSource = false,
  open,
}: {
  fields: FieldQuality[];
  withSource?: boolean;
  open?: (field: string) => void;
}) {
  const column = createColumnHelper<FieldQuality>();
  const share = (key: "completeness" | "validity" | "uniqueness" | "consistency") =>
    column.accessor((row) => order(row[key]), {
      id: key,
      header: () => <Tip text={GLOSSARY[key]}>{title(key)}</Tip>,
      cell: ({ row }) => <ShareCell share={row.original[key]} />,
    });
  const columns = [
    ...(withSource
      ? [column.accessor("source", { header: "Source", cell: ({ getValue }) => <SourceLink source={getValue()} /> })]
      : []),
    column.accessor((row) => name(row), {
      id: "field",
      header: "Field",
      cell: ({ row: { original }, getValue }) => (
        <>
          {open ? (
            <button type="button" className="text-button" onClick={() => open(`${original.source}.${getValue()}`)}>
              <code>{getValue()}</code>
            </button>
          ) : (
            <code>{getValue()}</code>
          )}
          {original.target === null && <span className="tag">raw</span>}
        </>
      ),
    }),
    share("completeness"),
    share("validity"),
    share("uniqueness"),
    ...(fields.some(({ consistency }) => consistency.share !== null) ? [share("consistency")] : []),
    column.accessor((row) => (row.n === 0 ? 0 : row.changed / row.n), {
      id: "changed",
      header: () => <Tip text="Values that cleansing repaired: spelling, form, spaces.">Repaired</Tip>,
      cell: ({ row: { original } }) => (original.changed === 0 ? "–" : number.count(original.changed)),
      meta: { num: true },
    }),
    column.display({
      id: "trend",
      header: () => <Tip text="Completeness from the first to the last batch shown.">Trend</Tip>,
      cell: ({ row }) => <TrendCell field={row.original} />,
    }),
  ];
  return (
    <DataTable
      label="Quality by field"
      rows={fields}
      columns={columns}
      first={{ name: "fields", limit: 40, what: "fields" }}
    />
  );
}

function FieldTrend({ field, close }: { field: FieldQuality; close: () => void }) {
  const { completeness } = field;
  // A batch of too few values is a gap.
  const trend = field.trend.map((point) =>
    point.n < number.FEWEST ? { ...point, completeness: null, validity: null } : point,
  );
  const percent = (value: number | null) => (value === null ? "not known" : number.countedPercent(value));
  return (
    <div className="chosen">
      <Frame
        id="field"
        title={
          completeness.share === null
            ? `How often ${title(field.field)} of ${title(field.source)} is filled in is not known: ${why(completeness)}`
            : `${title(field.field)} of ${title(field.source)} is filled in ${number.countedPercent(completeness.share)} of cases (n ${number.count(completeness.n)})`
        }
        sub="completeness and validity by batch"
        table={{
          columns: ["Batch", "Came in", "Values", "Completeness", "Validity"],
          rows: trend.map(({ batch, at, n, completeness, validity }) => [
            batch,
            time.dateTime(at),
            n,
            completeness,
            validity,
          ]),
        }}
        readout={(row) => {
          const at = trend[row]!;
          if (at.n < number.FEWEST) return `${time.dateTime(at.at)}: ${number.TOO_FEW}`;
          return `${time.dateTime(at.at)}: complete ${percent(at.completeness)}, valid ${percent(at.validity)}, n ${number.count(at.n)}`;
        }}
        height={180}
        hit={(x, width) => sharesIndex(x, width, trend.length)}
      >
        {({ width, palette, active }) => (
          <Shares
            at={trend.map(({ at }) => at)}
            lines={[
              { name: "Completeness", values: trend.map(({ completeness }) => completeness) },
              { name: "Validity", values: trend.map(({ validity }) => validity) },
            ]}
            width={width}
            height={180}
            palette={palette}
            active={active}
          />
        )}
      </Frame>
      <button type="button" className="text-button small" onClick={close}>
        Close
      </button>
    </div>
  );
}
