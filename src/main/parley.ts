#!/usr/bin/env node
import { cacheCompiledCode } from '../config/compile-cache.ts';

// Before anything else is loaded, or it would not be in the cache.
cacheCompiledCode();
await import('./commands.ts');
