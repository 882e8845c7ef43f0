// compress.mjs FOLDER: puts a compressed copy beside the scripts and styles that the browser loads of Code.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const [folder] = process.argv.slice(2);
const params = { [constants.BROTLI_PARAM_LGWIN]: 24 };
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  const ofTheServer = /\/node\/|\/(server-|bootstrap-)[^/]*$/.test(path);
  if (!entry.isFile() || !/\.(js|css)$/.test(path) || ofTheServer) continue;
  const plain = readFileSync(path);
  if (plain.length > 4096) writeFileSync(`${path}.br`, brotliCompressSync(plain, { params }));
}
