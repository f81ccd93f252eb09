import { engineNames, installed } from './install.ts';

/** `node install-all.ts [h2spec] [radamsa]`: the engines, and what else is named, before the tests, so that none of their time limits has to allow for a first installation. */
const others = (['h2spec', 'radamsa'] as const).filter((name) => process.argv.includes(name));
for (const name of [...engineNames, ...others]) console.log(`${name}: ${await installed(name)}`);
