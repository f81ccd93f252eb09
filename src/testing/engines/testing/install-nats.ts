import { installed } from '../install.ts';

/** One of several processes that install the same: says in one line what became of it. */
console.log(
  await installed('nats').then(
    (folder) => `installed ${folder}`,
    (error: Error) => `failed: ${String(error.cause)}`,
  ),
);
