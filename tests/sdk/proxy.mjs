// A line to the server that is as bad as real ones: answers are lost, requests arrive twice, the server is busy now and then.
//
// What happens to a request is drawn from a seed. It prints its port, and on SIGTERM what it did as JSON.
//   node proxy.mjs http://127.0.0.1:7878 [seed]
import http from "node:http";

const target = new URL(process.argv[2]);
let state = Number(process.argv[3] ?? 1);
/** Park and Miller's minimal standard generator (CACM 31, 1988): 0..1. */
const dice = () => (state = (state * 48271) % 2147483647) / 2147483647;
const did = { passed: 0, lost: 0, twice: 0, busy: 0 };

const forward = (request, body) =>
  new Promise((resolve, reject) => {
    const options = { host: target.hostname, port: target.port, method: request.method, path: request.url, headers: { ...request.headers, "content-length": body.length } };
    delete options.headers["transfer-encoding"];
    const outgoing = http.request(options, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part)).on("end", () => resolve([answer, Buffer.concat(parts)]));
    });
    outgoing.on("error", reject).end(body);
  });

const server = http.createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  // What a page loads comes whole: a script that is lost is no loss of events.
  const fate = request.method === "POST" ? dice() : 1;
  if (fate < 0.05) {
    did.busy++;
    return response.writeHead(429, { "retry-after": "0" }).end('{"code":"overloaded","message":"busy"}');
  }
  const [answer, said] = await forward(request, body);
  if (fate < 0.15) {
    did.lost++;
    return request.socket.destroy();
  }
  if (fate < 0.2) {
    did.twice++;
    await forward(request, body);
  }
  did.passed++;
  response.writeHead(answer.statusCode, answer.headers).end(said);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.on("SIGTERM", () => {
  console.log(JSON.stringify(did));
  process.exit(0);
});
