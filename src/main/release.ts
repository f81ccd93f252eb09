import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** Of this package, wherever it is installed. */
export const { version: release } = JSON.parse(readFileSync(findPackageJSON(import.meta.url) ?? '', 'utf8')) as {
  version: string;
};
