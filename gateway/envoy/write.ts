/** `node gateway/envoy/write.ts VALUES.yaml FOLDER`: Envoy's configuration in production, with values of one's own, as values.ts describes them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { productionFiles } from './files.ts';
import { productionValues } from './values.ts';

const [valuesPath, folder] = process.argv.slice(2);
if (valuesPath === undefined || folder === undefined)
  throw new Error('usage: node gateway/envoy/write.ts VALUES.yaml FOLDER');
const given = (parse(readFileSync(valuesPath, 'utf8')) ?? {}) as Partial<typeof productionValues>;
const unknown = Object.keys(given).filter((name) => !Object.hasOwn(productionValues, name));
if (unknown.length > 0)
  throw new Error(
    `${valuesPath}: no such value: ${unknown.join(', ')}; there are ${Object.keys(productionValues).join(', ')}`,
  );

mkdirSync(folder, { recursive: true });
const files = productionFiles(`Written by gateway/envoy/write.ts from ${valuesPath}.`, {
  ...productionValues,
  ...given,
});
for (const [name, text] of Object.entries(files)) {
  writeFileSync(join(folder, name), text);
  console.log(join(folder, name));
}
