import { engineNames, installed } from './install.ts';

/** Before the tests, so that none of their time limits has to allow for a first installation. */
for (const engine of engineNames) console.log(`${engine}: ${await installed(engine)}`);
