// @vitest-environment happy-dom
/** What is seen without a call, and what is never seen. */
import { describe, expect, it, vi } from "vitest";
import type { CaptureOptions, Clew } from "../src/types.ts";
import { click, eventsOf, HOST, leavePage, loaded, type Message, pass, put, QUIET, server, tabOf } from "./harness.ts";

const capturing = (capture: CaptureOptions): Promise<Clew> => loaded({ capture: { ...QUIET, ...capture } });
const everything = () => loaded({ capture: {} });
const pages = () => server.stored.filter(({ type }) => type === "page");
const propertiesOf = (name: string) => eventsOf(name).map(({ properties }) => properties);

async function seen(name: string): Promise<Message[]> {
  await pass(8_000);
  return propertiesOf(name);
}

describe("page views", () => {
  it("count once at loading, with Segment's properties", async () => {
    await capturing({ pages: true });
    await pass(5_000);
    expect(pages().map(({ properties }) => properties)).toEqual([
      { path: "/", url: location.href, title: "Shop", referrer: "", search: "" },
    ]);
  });

  it("count once for each change of the address in an application, with the page before as referrer", async () => {
    await capturing({ pages: true });
    const home = location.href;
    history.pushState(null, "", "/cart?step=1");
    document.title = "Cart";
    await pass(1);
    history.replaceState(null, "", "/cart?step=1");
    history.replaceState({ scroll: 10 }, "", "/cart?step=1#total");
    await pass(1);
    history.pushState(null, "", "/moved");
    history.replaceState(null, "", "/checkout");
    await pass(1);
    await pass(5_000);
    expect(pages().map(({ properties: { path, search, title } }) => [path + search, title])).toEqual([
      ["/", "Shop"],
      ["/cart?step=1", "Cart"],
      ["/checkout", "Cart"],
    ]);
    expect(pages()[1].properties.referrer).toBe(home);
    expect(pages()[1].context.page.referrer).toBe(home);
    expect(pages()[2].properties.referrer).toMatch(/\/cart\?step=1$/);
  });

  it("count going back", async () => {
    await capturing({ pages: true });
    history.pushState(null, "", "/a");
    await pass(1);
    // happy-dom does not walk its history: this is what a browser does when it goes back.
    Reflect.getPrototypeOf(history)!;
    const replace = Object.getPrototypeOf(history).replaceState as typeof history.replaceState;
    replace.call(history, null, "", "/");
    window.dispatchEvent(new Event("popstate"));
    await pass(5_000);
    expect(pages().map(({ properties }) => properties.path)).toEqual(["/", "/a", "/"]);
  });

  it("count a page that comes back from the back/forward cache", async () => {
    await capturing({ pages: true });
    leavePage();
    const back = new Event("pageshow");
    Object.defineProperty(back, "persisted", { value: true });
    window.dispatchEvent(back);
    await pass(5_000);
    expect(new Set(pages().map(({ messageId }) => messageId)).size).toBe(2);
  });

  it("that the page tells itself before the library is there are not told twice", async () => {
    const at = [Date.now(), location.href, "Shop"] as const;
    await tabOf([
      ["load", ["key", { host: HOST }], ...at],
      ["page", ["Home"], ...at],
    ]);
    await pass(5_000);
    expect(pages().map(({ name }) => name)).toEqual(["Home"]);
  });

  it("of the last moment are not lost", async () => {
    await capturing({ pages: true });
    history.pushState(null, "", "/last");
    leavePage();
    expect(pages().map(({ properties }) => properties.path)).toEqual(["/", "/last"]);
  });

  it("do not count when switched off", async () => {
    await capturing({});
    history.pushState(null, "", "/a");
    await pass(6_000);
    expect(server.arrivals).toEqual([]);
  });
});

describe("a click", () => {
  it("on something interactive tells selector, text and, of a link, the address without query", async () => {
    await capturing({ clicks: true });
    const icon = put('<main><p>x</p><p><a href="/cart?id=7#top">  Go to\n <b>the</b> cart </a></p></main>', "b");
    click(icon);
    const [properties] = await seen("click");
    expect(properties).toMatchObject({ text: "Go to the cart", href: new URL("/cart", location.href).href });
    expect(document.querySelector(properties.selector)).toBe(icon.parentElement);
  });

  it("on anything else tells nothing", async () => {
    await capturing({ clicks: true });
    click(put("<p id=it>words</p>"));
    expect(await seen("click")).toEqual([]);
  });

  it("on the main part of a page, which scripts may focus, tells nothing", async () => {
    await capturing({ clicks: true });
    click(put('<main tabindex="-1"><p id=it>words</p></main>'));
    expect(await seen("click")).toEqual([]);
  });

  it("by a script tells nothing", async () => {
    await capturing({ clicks: true });
    click(put("<button id=it>Buy</button>"), { trusted: false });
    expect(await seen("click")).toEqual([]);
  });

  it("is told although the page stops the event", async () => {
    await capturing({ clicks: true });
    const button = put("<button id=it>Buy</button>");
    button.addEventListener("click", (event) => event.stopImmediatePropagation());
    click(button);
    expect(await seen("click")).toHaveLength(1);
  });

  it("inside a shadow tree is told", async () => {
    await capturing({ clicks: true });
    const host = put("<div id=it></div>");
    host.attachShadow({ mode: "open" }).innerHTML = "<button>Inner</button>";
    click(host.shadowRoot!.querySelector("button")!);
    expect((await seen("click")).map(({ text }) => text)).toEqual(["Inner"]);
  });

  it("tells at most 80 characters of text", async () => {
    await capturing({ clicks: true });
    click(put(`<button id=it>${"long ".repeat(100)}</button>`));
    expect((await seen("click"))[0].text).toHaveLength(80);
  });

  it("is named by its label where it has one", async () => {
    await capturing({ clicks: true });
    click(put('<button id=it aria-label="Close">×</button>'));
    expect(await seen("click")).toEqual([{ selector: "button#it", text: "Close" }]);
  });

  it("has a selector with the id escaped as CSSOM says", async () => {
    await capturing({ clicks: true });
    click(put('<button id="1:a.b">x</button>', "button"));
    expect((await seen("click"))[0].selector).toBe(String.raw`button#\31 \:a\.b`);
  });

  it.each([
    ["an id", "<div><button id=buy>x</button></div>", "button"],
    ["places among many of a kind", "<ul><li><a>1</a><a>2</a></li><li><a>3</a><a class=t>4</a></li></ul>", ".t"],
    ["depth", `${"<div>".repeat(7)}<button>x</button>`, "button"],
  ])("has a selector that finds it: %s", async (_, html, selector) => {
    await capturing({ clicks: true });
    const element = put(html, selector);
    click(element);
    const [properties] = await seen("click");
    expect([...document.querySelectorAll(properties.selector)]).toEqual([element]);
  });
});

describe("what a person enters", () => {
  it.each([
    ["a text field", '<input id=it value="secret">'],
    ["a button of type input", '<input id=it type="submit" value="secret">'],
    ["a text area", "<textarea id=it>secret</textarea>"],
    ["a choice", "<select id=it><option selected>secret</option></select>"],
    ["an editable text", "<div contenteditable tabindex=0 id=it>secret</div>"],
    ["a link in an editable text", "<div contenteditable><a id=it href=/>secret</a></div>"],
    ["an option of a list", "<div role=option id=it>secret</div>"],
    ["a radio button", "<div role=radio id=it>secret</div>"],
    ["a field inside a button", "<div role=button id=it>Note <textarea>secret</textarea></div>"],
    ["something marked inside a button", "<button id=it>Hello <span data-clew-ignore>secret</span></button>"],
  ])("is not in the text of a click: %s", async (_, html) => {
    await capturing({ clicks: true, rage: true });
    const element = put(html);
    for (let i = 0; i < 4; i++) {
      click(element);
      await pass(100);
    }
    expect(await seen("click")).toHaveLength(4);
    expect(JSON.stringify(server.stored)).not.toContain("secret");
  });

  it.each([
    ["under data-clew-ignore", "<div data-clew-ignore><button id=it>Buy</button></div>"],
    ["in a password field", "<input id=it type=password>"],
  ])("goes wholly unseen %s", async (_, html) => {
    await everything();
    const element = put(`<form>${html}</form>`);
    element.dispatchEvent(new Event("input", { bubbles: true }));
    for (let i = 0; i < 4; i++) click(element);
    await pass(6_000);
    leavePage();
    expect(server.stored.map(({ type }) => type)).not.toContain("track");
  });
});

describe("a rage click", () => {
  const button = () => put("<button id=it>Buy</button>");

  it("is three clicks within a second at one spot, told once for the burst", async () => {
    await capturing({ rage: true });
    const it = button();
    for (let i = 0; i < 7; i++) {
      click(it, { x: 10 + i, y: 10 });
      await pass(300);
    }
    expect(await seen("rage_click")).toEqual([{ selector: "button#it", text: "Buy", clicks: 3 }]);
  });

  it("is told again for another burst", async () => {
    await capturing({ rage: true });
    const it = button();
    for (let burst = 0; burst < 2; burst++) {
      for (let i = 0; i < 3; i++) {
        click(it);
        await pass(100);
      }
      await pass(1_500);
    }
    expect(await seen("rage_click")).toHaveLength(2);
  });

  it.each([
    ["two clicks", 2, 100, 0, {}],
    ["clicks that take longer", 3, 510, 0, {}],
    ["clicks further apart", 3, 100, 31, {}],
    ["keys held down, which make clicks without a pointer", 5, 100, 0, { detail: 0 }],
  ])("is not %s", async (_, clicks, ms, px, how) => {
    await capturing({ rage: true });
    const it = button();
    for (let i = 0; i < clicks; i++) {
      click(it, { x: 10 + i * px, ...how });
      await pass(ms);
    }
    expect(await seen("rage_click")).toEqual([]);
  });

  it("is not a label, whose field the browser clicks too", async () => {
    await capturing({ rage: true });
    const label = put("<label id=it>Yes <input type=checkbox></label>");
    for (let i = 0; i < 2; i++) {
      click(label);
      click(label.querySelector("input")!);
      await pass(200);
    }
    expect(await seen("rage_click")).toEqual([]);
  });

  it("is not a triple click that selects text", async () => {
    await capturing({ rage: true });
    const text = put("<p id=it>words</p>");
    vi.stubGlobal("getSelection", () => "words");
    for (let i = 0; i < 3; i++) {
      click(text);
      await pass(100);
    }
    expect(await seen("rage_click")).toEqual([]);
  });

  it("takes other numbers", async () => {
    await capturing({ rage: { clicks: 2, withinMs: 100, radiusPx: 5 } });
    const it = button();
    click(it);
    await pass(50);
    click(it);
    expect(await seen("rage_click")).toHaveLength(1);
  });
});

describe("a dead click", () => {
  const button = () => put("<button id=it>Buy</button><p id=other></p>");

  it("is one after which nothing happens for 2.5 s; its time is that of the click", async () => {
    await capturing({ dead: true });
    const at = Date.now();
    click(button());
    await pass(2_490);
    expect(localStorage.length).toBe(0);
    expect(await seen("dead_click")).toEqual([{ selector: "button#it", text: "Buy" }]);
    expect(Date.parse(eventsOf("dead_click")[0].timestamp)).toBe(at);
  });

  it("is told once, however often the same thing is clicked meanwhile", async () => {
    await capturing({ dead: true });
    const it = button();
    for (let i = 0; i < 5; i++) {
      click(it);
      await pass(200);
    }
    expect(await seen("dead_click")).toHaveLength(1);
  });

  it("is one on something that only looks clickable", async () => {
    await capturing({ dead: true });
    click(put("<div id=it style='cursor:pointer'>Card</div>"));
    expect(await seen("dead_click")).toHaveLength(1);
  });

  it("is none on text", async () => {
    await capturing({ dead: true });
    click(put("<p id=it>words</p>"));
    expect(await seen("dead_click")).toEqual([]);
  });

  const other = () => document.querySelector("#other")!;
  it.each<[string, () => void]>([
    ["the page changes", () => other().append("done")],
    ["an attribute changes", () => other().setAttribute("class", "open")],
    ["a text changes", () => (other().firstChild as Text).appendData("b")],
    ["a request is made with fetch", () => void fetch("https://api.example/", { body: "{}" }).catch(() => {})],
    [
      "a request is made with XMLHttpRequest",
      () => {
        const request = new XMLHttpRequest();
        vi.spyOn(request, "open").mockReturnValue();
        try {
          request.send();
        } catch {
          /* it is not open */
        }
      },
    ],
    ["the address changes", () => history.pushState(null, "", "/next")],
    ["the page is about to be left", () => void window.dispatchEvent(new Event("beforeunload"))],
    ["something scrolls", () => void other().dispatchEvent(new Event("scroll"))],
    ["the focus moves", () => void other().dispatchEvent(new FocusEvent("focus"))],
    ["the window loses the focus", () => void window.dispatchEvent(new FocusEvent("blur"))],
    ["the tab is hidden", () => void document.dispatchEvent(new Event("visibilitychange"))],
    ["something was copied", () => void document.dispatchEvent(new Event("copy", { bubbles: true }))],
  ])("is none when %s", async (_, effect) => {
    await capturing({ dead: true });
    const it = button();
    other().textContent = "a";
    await pass(1);
    click(it);
    await pass(2_400);
    effect();
    expect(await seen("dead_click")).toEqual([]);
    // Listening is over, and starts again with the next click.
    click(it);
    await pass(2_600);
    expect(await seen("dead_click")).toHaveLength(1);
  });

  it("is one although something happened before it", async () => {
    await capturing({ dead: true });
    const it = button();
    other().textContent = "before";
    await pass(1);
    click(it);
    expect(await seen("dead_click")).toHaveLength(1);
  });

  it("is one although the library itself sends meanwhile", async () => {
    const clew = await capturing({ dead: true });
    click(button());
    clew.track("a");
    await clew.flush();
    expect(server.stored).toHaveLength(1);
    expect(await seen("dead_click")).toHaveLength(1);
  });

  it.each([
    ["a text field", "<input id=it>"],
    ["a choice", "<select id=it></select>"],
    ["a link to a new tab", "<a id=it href=/x target=_blank>x</a>"],
    ["a download", "<a id=it href=/x download>x</a>"],
    ["a mail address", '<a id=it href="mailto:a@example.org">x</a>'],
    ["a phone number", '<a id=it href="tel:+3531">x</a>'],
    ["a film", "<video id=it tabindex=0></video>"],
  ])("is none on %s", async (_, html) => {
    await capturing({ dead: true });
    click(put(html));
    expect(await seen("dead_click")).toEqual([]);
  });

  it("leaves the page's functions as they were to call", async () => {
    const answers = fetch;
    await capturing({ dead: true });
    const given = { body: "{}", method: "POST" };
    await fetch("https://api.example/", given);
    expect(answers).toHaveBeenCalledWith("https://api.example/", given);
    server.answer = () => null;
    await expect(fetch(HOST, given)).rejects.toThrow("Failed to fetch");
  });

  it("takes another time", async () => {
    await capturing({ dead: { withinMs: 500 } });
    click(button());
    await pass(510);
    expect(localStorage.length).toBeGreaterThan(0);
  });
});

describe("a form that was left", () => {
  const FORM = `<form id=checkout name=check>
    <input id=it name=email><input name=street id=street><input name=pw type=password id=pw><input name=iban data-clew-ignore id=iban>
    <select name=country id=country></select></form>`;
  const type = (selector: string, value = "secret") => {
    const field = document.querySelector<HTMLInputElement>(selector)!;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  it("tells form, last field's name, number of fields and time; no value", async () => {
    await capturing({ forms: true });
    put(FORM);
    type("#it", "s");
    await pass(2_000);
    type("#it");
    type("#pw");
    type("#street");
    type("#iban");
    const lastInput = Date.now();
    await pass(60_000);
    leavePage();
    expect(propertiesOf("form_abandoned")).toEqual([
      { form_id: "checkout", form_name: "check", last_field: "street", filled: 2, duration_ms: 2_000 },
    ]);
    expect(Date.parse(eventsOf("form_abandoned")[0].timestamp)).toBe(lastInput);
    expect(JSON.stringify(server.stored)).not.toContain("secret");
  });

  it("keeps its id although a field is called id", async () => {
    await capturing({ forms: true });
    put("<form id=f name=g><input name=id id=it><input name=name></form>");
    type("#it");
    leavePage();
    expect(propertiesOf("form_abandoned")[0]).toMatchObject({ form_id: "f", form_name: "g", last_field: "id" });
  });

  it.each<[string, (form: HTMLFormElement) => void]>([
    ["was submitted", (form) => void form.dispatchEvent(new Event("submit", { bubbles: true }))],
    ["was reset", (form) => void form.dispatchEvent(new Event("reset", { bubbles: true }))],
    // Not form.submit(): happy-dom calls it on another object than its events tell of.
    ["was sent by a script", (form) => HTMLFormElement.prototype.submit.call(form)],
  ])("is none when it %s", async (_, finish) => {
    const submit = vi.spyOn(HTMLFormElement.prototype, "submit").mockReturnValue();
    await capturing({ forms: true });
    const field = put<HTMLInputElement>(FORM);
    type("#it");
    finish(field.form!);
    leavePage();
    expect(propertiesOf("form_abandoned")).toEqual([]);
    submit.mockRestore();
  });

  it("is none when nothing was entered", async () => {
    await capturing({ forms: true });
    put(FORM).focus();
    leavePage();
    expect(server.arrivals).toEqual([]);
  });

  it("counts again when something is entered after it was submitted", async () => {
    await capturing({ forms: true });
    const field = put<HTMLInputElement>(FORM);
    type("#it");
    field.form!.dispatchEvent(new Event("submit", { bubbles: true }));
    type("#street");
    leavePage();
    expect(propertiesOf("form_abandoned")).toMatchObject([{ last_field: "street", filled: 1 }]);
  });

  it("in an application is one that is gone when the address changed; one that stands on is not", async () => {
    await capturing({ forms: true });
    put(`${FORM}<form id=search><input id=q name=q></form>`);
    type("#it");
    type("#q");
    history.pushState(null, "", "/elsewhere");
    document.querySelector("#checkout")!.remove();
    expect((await seen("form_abandoned")).map(({ form_id }) => form_id)).toEqual(["checkout"]);
    leavePage();
    expect(propertiesOf("form_abandoned").map(({ form_id }) => form_id)).toEqual(["checkout", "search"]);
  });
});

describe("an error of the page", () => {
  const fail = (message: string, source = "https://shop.example/app.js?v=3", line = 7) => {
    const event = new Event("error");
    Object.assign(event, { message, filename: source, lineno: line });
    window.dispatchEvent(event);
  };
  const reject = (reason: unknown) => {
    const event = new Event("unhandledrejection");
    Object.assign(event, { reason });
    window.dispatchEvent(event);
  };

  it("tells message, source without query, and line", async () => {
    await capturing({ errors: true });
    fail("Uncaught TypeError: x is not a function");
    reject(new Error("no answer"));
    reject("just words");
    expect(await seen("js_error")).toEqual([
      { message: "Uncaught TypeError: x is not a function", source: "https://shop.example/app.js", line: 7 },
      { message: "no answer" },
      { message: "just words" },
    ]);
  });

  it("is told once, and at most ten are on one page", async () => {
    await capturing({ errors: true });
    for (let i = 0; i < 5; i++) fail("same");
    fail("same", undefined, 8);
    for (let i = 0; i < 50; i++) fail(`other ${i}`);
    expect(await seen("js_error")).toHaveLength(10);
    history.pushState(null, "", "/next");
    await pass(1);
    fail("same");
    expect(await seen("js_error")).toHaveLength(11);
  });

  it("has a message of at most 200 characters", async () => {
    await capturing({ errors: true });
    fail("x".repeat(5_000));
    expect((await seen("js_error"))[0].message).toHaveLength(200);
  });

  it("is not an image that did not load, nor a rejection without a reason", async () => {
    await capturing({ errors: true });
    put("<img id=it>").dispatchEvent(new Event("error"));
    window.dispatchEvent(new Event("error"));
    reject(undefined);
    expect(await seen("js_error")).toEqual([]);
  });
});

describe("capturing", () => {
  it("is switched off part by part", async () => {
    await capturing({});
    const it = put("<form><button id=it type=button>x</button><input name=a></form>");
    for (let i = 0; i < 4; i++) click(it);
    document.querySelector("input")!.dispatchEvent(new Event("input", { bubbles: true }));
    window.dispatchEvent(Object.assign(new Event("error"), { message: "x" }));
    await pass(10_000);
    leavePage();
    expect(server.arrivals).toEqual([]);
  });

  it("is all on without options", async () => {
    await everything();
    const it = put("<form><button id=it type=button>x</button><input name=a></form>");
    for (let i = 0; i < 3; i++) {
      click(it);
      await pass(100);
    }
    await pass(3_000);
    document.querySelector("input")!.dispatchEvent(new Event("input", { bubbles: true }));
    window.dispatchEvent(Object.assign(new Event("error"), { message: "x" }));
    leavePage();
    const kinds = new Set(server.stored.map(({ type, event }) => event ?? type));
    expect([...kinds].sort()).toEqual(["click", "dead_click", "form_abandoned", "js_error", "page", "rage_click"]);
  });
});
