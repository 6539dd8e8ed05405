// Starts the servers that the tests look at: the demo with its traffic, one with credentials, an empty one.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PROGRAM = resolve(process.env.RINGBACK_PROGRAM ?? "../target/debug/ringback");

export default async function setup(): Promise<() => Promise<void>> {
  const dir = mkdtempSync(join(tmpdir(), "ringback-ui-"));
  const children: ChildProcess[] = [];
  const end = async () => {
    await Promise.all(children.map(stop));
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    if (process.env.RINGBACK_LARGE) {
      process.env.LARGE = await startLarge(dir, children, Number(process.env.RINGBACK_LARGE));
      return end;
    }
    const [demo, locked, empty] = await Promise.all([
      startDemo(dir, children),
      startServer(dir, "locked", '[server]\nusername = "operator"\npassword = "correct horse"\n', children),
      startServer(dir, "empty", "[callback]\ncallback_column_alias = '{\"region\": \"Region of the desk\"}'\n", children),
    ]);
    process.env.DEMO = demo;
    process.env.LOCKED = locked;
    process.env.EMPTY = empty;
  } catch (error) {
    await end();
    throw error;
  }
  return end;
}

export function stop(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null) return done();
    const late = setTimeout(() => child.kill("SIGKILL"), 12_000);
    child.on("exit", () => {
      clearTimeout(late);
      done();
    });
    child.kill("SIGINT");
  });
}

async function startDemo(dir: string, children: ChildProcess[]): Promise<string> {
  const child = spawn(PROGRAM, ["demo", "--keep", join(dir, "demo")], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  let text = "";
  return new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Error(`the demo did not end in time:\n${text}`)), 120_000);
    child.on("exit", () => fail(new Error(`the demo ended:\n${text}`)));
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (!/every callback ended|not every callback|did not end/i.test(text)) return;
      clearTimeout(late);
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0];
      if (url) done(url);
      else fail(new Error(text));
    });
  });
}

/** A server with so many callbacks in its store, written as the server itself would. */
async function startLarge(dir: string, children: ChildProcess[], count: number): Promise<string> {
  const site = join(dir, "large");
  const began = Date.now();
  const fill = spawn(PROGRAM, ["bench", "recover", "--pending", String(count), "--site", site], { stdio: "inherit" });
  children.push(fill);
  const status = await new Promise((done) => fill.on("exit", done));
  if (status !== 0) throw new Error("the store cannot be filled");
  console.log(`  a store with ${count} callbacks was written in ${Math.round((Date.now() - began) / 1000)} s`);
  return serve(join(site, "ringback.toml"), join(dir, "large.json"), children);
}

/** Starts a server in a folder of its own and answers with its address. */
export async function startServer(dir: string, name: string, more: string, children: ChildProcess[], port = 0): Promise<string> {
  const quoted = (path: string) => JSON.stringify(join(dir, path));
  const config = join(dir, `${name}.toml`);
  const ready = join(dir, `${name}.json`);
  rmSync(ready, { force: true });
  writeFileSync(
    config,
    `[http]\nlisten = "127.0.0.1:${port}"\n[store]\npath = ${quoted(`${name}.db`)}\n[sip]\nlisten = "127.0.0.1:0"\n` +
      `[media]\ntreatments_dir = ${quoted(`${name}-treatments`)}\n${more}`,
  );
  return serve(config, ready, children);
}

async function serve(config: string, ready: string, children: ChildProcess[]): Promise<string> {
  const child = spawn(PROGRAM, ["--log", "warn", "serve", "--config", config, "--ready-file", ready], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  children.push(child);
  const until = Date.now() + 30_000;
  for (;;) {
    try {
      return (JSON.parse(readFileSync(ready, "utf8")) as { http: string }).http;
    } catch {
      if (Date.now() > until || child.exitCode !== null) throw new Error(`the server of ${config} does not start`);
      await new Promise((next) => setTimeout(next, 50));
    }
  }
}
