// Packs what the server sends compressed, and prints the size of the first page.
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;
const packed = {};
const walk = (folder) => {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) walk(path);
    else if (/\.(js|css|svg|html)$/.test(name)) {
      const bytes = gzipSync(readFileSync(path), { level: 9 });
      writeFileSync(`${path}.gz`, bytes);
      packed[path.slice(dist.length)] = bytes.length;
    }
  }
};
walk(dist);
const html = readFileSync(join(dist, "index.html"), "utf8");
const first = ["index.html", ...[...html.matchAll(/(?:src|href)="\/ui\/([^"]+)"/g)].map((m) => m[1])];
const kb = (names) => names.reduce((sum, name) => sum + (packed[name] ?? 0), 0) / 1024;
console.log(`first page: ${kb(first).toFixed(1)} KB compressed in ${first.length} files (limit 600 KB)`);
console.log(`everything: ${kb(Object.keys(packed)).toFixed(1)} KB compressed`);
if (kb(first) > 600) process.exit(1);
