/**
 * The loader that a page carries: keeps calls until the library is there, and fetches it at the first `load`.
 *
 * Built to at most 500 bytes of text, which `web/dist/t/stub.js` holds and the docs print. It is the same on every
 * site: key and host are arguments of `load`.
 */
interface Stub extends Array<unknown> {
  [method: string]: unknown;
}

((page: Window & { clew?: unknown }, doc: Document) => {
  page.clew ??= [];
  const stub = page.clew as Stub;
  if (!stub.load)
    for (const method of "load identify track page group alias reset consent flush ready".split(" "))
      stub[method] = (...args: [unknown, { host: string }]) => {
        stub.push([method, args, Date.now(), location.href, doc.title]);
        if (method === "load") {
          const script = doc.createElement("script");
          script.async = true;
          script.src = `${args[1].host.replace(/\/$/, "")}/t/clew.js`;
          doc.head.append(script);
        }
      };
})(window, document);

export {};
