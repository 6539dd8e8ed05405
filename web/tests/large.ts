// A list of 100,000 callbacks: how soon the first rows stand there, and that typing never waits
// (`cargo xtask test-ui --large`, which prints the figures).
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { ask, expect, test } from "./base";

const large = () => process.env.LARGE ?? "";
const COUNT = Number(process.env.RINGBACK_LARGE ?? "100000");
/** First rows, ms. */
const FIRST_ROWS_MAX = 300;
/** A task of the page that takes longer is felt as a stop, ms. */
const TASK_MAX = 200;
const TIMES = 7;

const median = (all: number[]) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
const told: string[] = [];
const tell = (line: string) => {
  told.push(line);
  console.log(`    ${line}`);
};

/** Milliseconds from now until a row that fits stands in the list, as the page itself measures it. */
async function until(page: Page, act: () => Promise<void>, text: string): Promise<number> {
  await page.evaluate((wanted) => {
    const there = () => {
      const first = document.querySelector(".grid-row.body a");
      return first !== null && (first.textContent ?? "").includes(wanted);
    };
    const state = window as unknown as { began: number; stood: Promise<number> };
    state.stood = new Promise((done) => {
      const look = () => (state.began > 0 && there() ? done(performance.now() - state.began) : requestAnimationFrame(look));
      requestAnimationFrame(look);
    });
    state.began = 0;
    // Measured from the event itself: what the test's own channel takes is not the page's.
    const start = () => (state.began = performance.now());
    for (const kind of ["pointerdown", "input", "scroll"]) window.addEventListener(kind, start, { capture: true, once: true });
  }, text);
  await act();
  return page.evaluate(() => (window as unknown as { stood: Promise<number> }).stood);
}

test("the first rows of 100,000 callbacks stand there at once", async ({ page }) => {
  test.setTimeout(120_000);
  const { count } = await ask<{ count: number }>(large(), "GET", "/api/v1/callbacks/count");
  expect(count).toBeGreaterThanOrEqual(COUNT);
  await page.goto(`${large()}/ui/overview`);
  const link = page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Callbacks" });
  const opened: number[] = [];
  for (let n = 0; n < TIMES; n += 1) {
    opened.push(await until(page, () => link.click(), "+"));
    await page.getByRole("link", { name: "Overview" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Overview" })).toBeVisible();
    // What was read is too old to be shown again without asking.
    await page.waitForTimeout(2500);
  }
  const loaded: number[] = [];
  for (let n = 0; n < TIMES; n += 1) {
    await page.goto(`${large()}/ui/callbacks`);
    await page.locator(".grid-row.body a").first().waitFor();
    loaded.push(
      await page.evaluate(() => Math.max(...performance.getEntriesByType("resource").filter((one) => one.name.includes("/api/v1/callbacks")).map((one) => (one as PerformanceResourceTiming).responseEnd))),
    );
  }
  tell(`${count} callbacks: first rows after a click ${Math.round(median(opened))} ms (median of ${TIMES}, worst ${Math.round(Math.max(...opened))})`);
  tell(`the page loaded anew: rows answered ${Math.round(median(loaded))} ms after the navigation began`);
  expect(median(opened)).toBeLessThan(FIRST_ROWS_MAX);
});

test("the overview counts every one of them", async ({ page }) => {
  test.setTimeout(60_000);
  const counted = async (state: string) =>
    (await ask<{ count: number }>(large(), "GET", `/api/v1/callbacks/count?state=${state}`)).count;
  interface Overview { states: Record<string, number>; queues: { waiting: number }[] }
  const took: number[] = [];
  let overview: Overview = { states: {}, queues: [] };
  for (let n = 0; n < TIMES; n += 1) {
    // A count that took its time is told again for a while.
    await page.waitForTimeout(1500);
    const began = performance.now();
    overview = await ask<Overview>(large(), "GET", "/api/v1/overview");
    took.push(performance.now() - began);
  }
  const { states, queues } = overview;
  for (const [state, count] of Object.entries(states)) expect(count, state).toBe(await counted(state));
  expect(Object.values(states).reduce((sum, one) => sum + one, 0)).toBeGreaterThanOrEqual(COUNT);
  const waiting = (states.QUEUED ?? 0) + (states.ROUTING ?? 0);
  expect(queues.reduce((sum, queue) => sum + queue.waiting, 0)).toBe(waiting);
  await page.goto(`${large()}/ui/overview`);
  await expect(page.getByRole("link", { name: `Queued: ${states.QUEUED}` })).toBeVisible();
  tell(`the overview of ${COUNT}: ${waiting} wait, all counted; answered in ${Math.round(median(took))} ms (median of ${TIMES}, worst ${Math.round(Math.max(...took))})`);
});

test("typing into a filter never waits, while callbacks come in", async ({ page }) => {
  test.setTimeout(120_000);
  await page.goto(`${large()}/ui/callbacks`);
  await page.locator(".grid-row.body a").first().waitFor();
  await page.evaluate(() => {
    const state = window as unknown as { tasks: number[]; keys: number[] };
    state.tasks = [];
    state.keys = [];
    new PerformanceObserver((list) => state.tasks.push(...list.getEntries().map((one) => one.duration))).observe({ type: "longtask" });
    const field = document.querySelector(".filters input");
    field?.addEventListener("keydown", () => {
      const began = performance.now();
      requestAnimationFrame(() => setTimeout(() => state.keys.push(performance.now() - began)));
    });
  });
  const { services } = await ask<{ services: { name: string }[] }>(large(), "GET", "/api/v1/services");
  const name = services[0]?.name ?? "";
  let coming = true;
  const creates = (async () => {
    for (let n = 0; coming; n += 1) {
      await ask(large(), "POST", `/api/v1/callbacks?service=${name}`, { _customer_number: `+1303555${String(1000 + n).slice(-4)}` });
      await new Promise((next) => setTimeout(next, 50));
    }
  })();
  const field = page.getByLabel("Number", { exact: true });
  await field.click();
  for (let n = 0; n < 3; n += 1) {
    await field.pressSequentially("+13125550142", { delay: 60 });
    await expect(page.getByRole("link", { name: /\+13125550142/ }).first()).toBeVisible();
    await field.fill("");
    await expect(page.locator(".grid-row.body a").first()).toBeVisible();
  }
  coming = false;
  await creates;
  const { tasks, keys } = await page.evaluate(() => {
    const state = window as unknown as { tasks: number[]; keys: number[] };
    return { tasks: state.tasks, keys: state.keys };
  });
  const [task, key] = [Math.round(Math.max(0, ...tasks)), Math.round(Math.max(0, ...keys))];
  tell(`typing: ${keys.length} keys, the slowest painted after ${key} ms (median ${Math.round(median(keys))}); longest task of the page ${task} ms`);
  expect(task).toBeLessThan(TASK_MAX);
});

test("the far end of the list is there after a jump", async ({ page }) => {
  await page.goto(`${large()}/ui/callbacks`);
  const list = page.getByRole("region", { name: "List of callbacks" });
  await page.locator(".grid-row.body a").first().waitFor();
  const began = Date.now();
  await list.evaluate((box) => box.scrollTo(0, box.scrollHeight));
  await expect(page.getByRole("row").last()).toContainText("+1312");
  tell(`the last rows: ${Date.now() - began} ms after a jump to the end`);
});

test.afterAll(() => {
  const load = readFileSync("/proc/loadavg", "utf8").split(" ")[0];
  console.log(`\n  ${told.join("\n  ")}\n  load of this computer: ${load}\n`);
});
