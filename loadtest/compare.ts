import { readFile } from 'node:fs/promises';
import { comparison } from './report/comparison.ts';
import type { LoadResult } from './result.ts';

async function read(path: string): Promise<LoadResult> {
  return JSON.parse(await readFile(path, 'utf8')) as LoadResult;
}

/** Compares two results by the paths of their JSON files; text for the terminal. Rejects when one cannot be read. */
export async function compareFiles(pathA: string, pathB: string): Promise<string> {
  return comparison(await read(pathA), await read(pathB));
}
