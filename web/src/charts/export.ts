/** A chart leaves the page as CSV, SVG or PNG, by the clipboard where the browser allows it, else as a file. */

/** RFC 4180; a cell that a spreadsheet would run as a formula gets an apostrophe before it. */
export function csv(columns: string[], rows: (string | number | null)[][]): string {
  const cell = (value: string | number | null) => {
    if (value === null) return "";
    if (typeof value === "number") return String(value);
    const safe = /^[=+@\t\r-]/.test(value) && !/^[-+]?[\d.,\s%−–]+$/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
}

/** A standalone SVG document of the drawn picture, on the page's ground, with its title. */
export function svgText(svg: SVGSVGElement, ground: string, title: string, source: string): string {
  const box = svg.getBoundingClientRect();
  const [width, height] = [Math.round(box.width), Math.round(box.height)];
  const copy = svg.cloneNode(true) as SVGSVGElement;
  for (const name of ["style", "role", "width", "height", "viewBox"]) copy.removeAttribute(name);
  copy.setAttribute("y", "36");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  copy.setAttribute("overflow", "visible");
  const ink = getComputedStyle(document.body).color;
  const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width + 32}" height="${height + 84}" viewBox="-16 -12 ${width + 32} ${height + 84}" font-family="system-ui, sans-serif"><rect x="-16" y="-12" width="100%" height="100%" fill="${ground}"/><text y="14" font-size="15" font-weight="600" fill="${ink}">${escaped(title)}</text>${new XMLSerializer().serializeToString(copy)}<text y="${height + 60}" font-size="10" fill="${ink}" fill-opacity=".65">${escaped(source)}</text></svg>`;
}

export async function png(svg: string): Promise<Blob> {
  const image = new Image();
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    await new Promise((done, fail) => {
      image.onload = done;
      image.onerror = () => fail(new Error("The picture could not be drawn."));
      image.src = address;
    });
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth * 2;
    canvas.height = image.naturalHeight * 2;
    canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done, fail) =>
      canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("The picture could not be drawn."))), "image/png"),
    );
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Copies text; saves a file where the clipboard is closed. Says what it did. */
export async function copyText(text: string, file: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    save(new Blob([text]), file);
    return `Saved as ${file}`;
  }
}

export async function copyImage(image: Blob, file: string): Promise<string> {
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": image })]);
    return "Copied";
  } catch {
    save(image, file);
    return `Saved as ${file}`;
  }
}

function save(content: Blob, file: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
