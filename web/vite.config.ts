// Builds the browser UI into web/dist, which the server embeds.
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// With `npm run dev` the requests go to a server that runs elsewhere.
const target = process.env.RINGBACK_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "/ui/",
  plugins: [react()],
  build: {
    target: "es2022",
    // The polyfill would be an inline script, which the policy of the server forbids.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { "/api": target, "/scxml": target } },
});
