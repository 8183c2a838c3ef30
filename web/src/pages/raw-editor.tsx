/** A raw row to mend: a field each where it is a JSON object, and its text. Fields that the reason names are marked. */
import { useId, useState } from "react";
import { fieldsOf, withField } from "../format/raw";
import { offending } from "../format/reasons";
import { Chips } from "../ui/choice";

export interface RawEditorProps {
  /** As it came. */
  raw: string;
  /** As it is to be read; null: as it came. */
  edit: string | null;
  /** The reason in words. */
  detail: string;
  /** Only to be looked at. */
  locked: boolean;
  change: (text: string) => void;
}

export function RawEditor({ raw, edit, detail, locked, change }: RawEditorProps) {
  const text = edit ?? raw;
  const fields = fieldsOf(text);
  const [asText, setAsText] = useState(false);
  const id = useId();
  const before = fieldsOf(raw);
  const marked = offending(detail, fields?.map(({ name }) => name) ?? []);
  return (
    <div className="raw-editor">
      <Chips
        label="Mend it as"
        value={fields === null || asText ? "text" : "fields"}
        options={[
          ["fields", "Fields", fields === null],
          ["text", "Text"],
        ]}
        choose={(way) => setAsText(way === "text")}
      />
      {fields === null || asText ? (
        <label className="labelled">
          <span className="hidden">Raw row</span>
          <textarea
            className="text-input mono"
            rows={Math.min(12, 2 + Math.ceil(text.length / 90))}
            value={text}
            readOnly={locked}
            spellCheck={false}
            onChange={(event) => change(event.target.value)}
          />
        </label>
      ) : (
        <div className="raw-fields">
          {fields.map(({ name, shown }, i) => {
            // By place, not by name: a column may be called anything, and an id holds no blanks.
            const input = `${id}-${i}`;
            const note = `${input}-note`;
            const wrong = marked.includes(name);
            const was = before?.find((field) => field.name === name)?.shown;
            const changed = was !== undefined && was !== shown;
            return (
              <div key={name} className={wrong ? "wrong" : undefined}>
                <label htmlFor={input}>
                  <code>{name}</code>
                </label>
                <input
                  id={input}
                  className="text-input mono"
                  value={shown}
                  readOnly={locked}
                  spellCheck={false}
                  aria-invalid={wrong && !changed ? true : undefined}
                  aria-describedby={wrong || changed ? note : undefined}
                  onChange={(event) => change(withField(text, name, event.target.value, raw))}
                />
                {(wrong || changed) && (
                  <small id={note} className={changed ? "quiet" : "bad"}>
                    {changed ? `was ${was === "" ? "empty" : was}` : "◂ this one"}
                  </small>
                )}
              </div>
            );
          })}
        </div>
      )}
      {fields === null && !locked && (
        <p className="small quiet">
          This row is mended as text: it is no JSON object, or holds a number that fields would round.
        </p>
      )}
      {fields !== null && marked.length === 0 && (
        <p className="small quiet">The reason names no field of the row: the mapping may call it otherwise.</p>
      )}
    </div>
  );
}
