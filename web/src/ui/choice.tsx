/** One of several: a list with its label where there are many or their names are long, chips in a row where all of them should be seen. */
import type { ReactNode } from "react";

type Option = readonly [value: string, name: string];

interface ChoiceProps {
  label: string;
  /** undefined: nothing is chosen, which only goes with `all`. */
  value: string | undefined;
  /** The first entry, which chooses nothing. */
  all?: string;
  /** Entries, or entries under headings. */
  options: readonly (Option | { heading: string; options: readonly Option[] })[];
  choose: (value: string | undefined) => void;
}

const entry = ([value, name]: Option) => (
  <option key={value} value={value}>
    {name}
  </option>
);

/** A narrowed choice (one other than `all`) is set off by the accent. */
export function Choice({ label, value, all, options, choose }: ChoiceProps) {
  return (
    <label className="field">
      {label}
      <select
        value={value ?? ""}
        className={all !== undefined && value ? "set" : undefined}
        onChange={(event) => choose(event.target.value || undefined)}
      >
        {all !== undefined && <option value="">{all}</option>}
        {options.map((option) =>
          "heading" in option ? (
            <optgroup key={option.heading} label={option.heading}>
              {option.options.map(entry)}
            </optgroup>
          ) : (
            entry(option)
          ),
        )}
      </select>
    </label>
  );
}

interface ChipsProps {
  /** What is chosen, for readers who hear it. */
  label: string;
  /** undefined: none of them. */
  value: string | undefined;
  options: readonly (readonly [value: string, name: ReactNode, disabled?: boolean])[];
  choose: (value: string) => void;
  margin?: string;
}

export function Chips({ label, value, options, choose, margin }: ChipsProps) {
  return (
    <fieldset className="chips" style={margin === undefined ? undefined : { margin }}>
      <legend className="hidden">{label}</legend>
      {options.map(([one, name, disabled]) => (
        <button
          key={one}
          type="button"
          className="chip"
          aria-pressed={one === value}
          disabled={disabled}
          onClick={() => choose(one)}
        >
          {name}
        </button>
      ))}
    </fieldset>
  );
}
