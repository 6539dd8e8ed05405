// The browser tests: Debian's Chromium against real servers that the set-up starts.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "tests",
  // Pictures and the run with 100,000 callbacks are made on demand only.
  testMatch: process.env.RINGBACK_SHOTS ? "screenshots.ts" : process.env.RINGBACK_LARGE ? "large.ts" : "*.spec.ts",
  outputDir: "test-results",
  globalSetup: "./tests/setup.ts",
  workers: 1,
  retries: 0,
  timeout: 30_000,
  expect: { timeout: 8_000 },
  reporter: [["list"]],
  use: {
    launchOptions: { executablePath: process.env.RINGBACK_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] },
    viewport: { width: 1366, height: 820 },
    locale: "en-GB",
    trace: "off",
    actionTimeout: 6_000,
  },
});
