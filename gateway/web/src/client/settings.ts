import { type ReadonlySignal, signal } from '@preact/signals';
import { exportedConversations, exportedFields } from '../../../../src/client/export.ts';
import { instructionsBytes, instructionsToSend, maxInstructionsBytes } from '../../../../src/client/instructions.ts';
import { jsonField } from '../../../../src/client/message-json.ts';
import type { Parley } from '../../../../src/client/parley.ts';
import type { Refusal, Settings } from './app.ts';
import { shownRefusal } from './calls.ts';
import type { JsonStorage } from './json-storage.ts';
import type { Page } from './page.ts';
import { refusal } from './refusals.ts';

export interface SettingsDeps {
  /** Of this browser, whoever is signed in. */
  readonly storage: JsonStorage;
  readonly page: Pick<Page, 'onStored'>;
  /** Of who is signed in; undefined: nobody. */
  readonly storageOfClient: () => JsonStorage | undefined;
  /** Of whoever is signed in. */
  readonly newParley: () => Parley;
}

/** Settings that can be ended. */
export interface RunningSettings extends Settings {
  stop(): void;
}

/** What people choose for themselves, stored in their browser. */
export function createSettings({ storage, page, storageOfClient, newParley }: SettingsDeps): RunningSettings {
  const timeZone = signal(storedTimeZone(storage));
  const stop = page.onStored(() => {
    timeZone.value = storedTimeZone(storage);
  });
  return {
    timeZone: timeZone as ReadonlySignal<string>,
    setTimeZone(chosen) {
      if (chosen === '') storage.remove('timeZone');
      else storage.write('timeZone', chosen);
      timeZone.value = storedTimeZone(storage);
    },
    instructions: () => storedInstructions(storageOfClient()),
    setInstructions(text) {
      const instructions = instructionsToSend(text);
      if (instructions === undefined) return tooLong(text);
      return storageOfClient()?.write('instructions', instructions) === false ? refusal('STORAGE_FULL') : undefined;
    },
    async exportConversations(onProgress) {
      try {
        using parley = newParley();
        const conversations: object[] = [];
        for await (const exported of exportedConversations(parley)) {
          conversations.push(exportedFields(exported));
          onProgress(conversations.length);
        }
        const file = { exportTime: new Date().toISOString(), conversations };
        return new Blob([JSON.stringify(file, jsonField, 2)], { type: 'application/json' });
      } catch (error) {
        return shownRefusal(error);
      }
    },
    async readOwnUse(clientId) {
      try {
        using parley = newParley();
        const { readOwnUse } = await import('./usage-report.ts');
        return await readOwnUse(parley, clientId, new Date());
      } catch (error) {
        return shownRefusal(error);
      }
    },
    stop,
  };
}

function tooLong(instructions: string): Refusal {
  return {
    ...refusal('INSTRUCTIONS_TOO_LONG'),
    title: `Your instructions take ${instructionsBytes(instructions)} bytes; at most ${maxInstructionsBytes} are taken.`,
    advice: 'Shorten them. A letter takes one byte, or up to four in other scripts.',
  };
}

/** A person's own instructions to the model; '': none. */
export function storedInstructions(ofClient: JsonStorage | undefined): string {
  const instructions = ofClient?.read('instructions');
  return typeof instructions === 'string' ? instructions : '';
}

/** One that this browser does not know, or no more, counts as none. */
function storedTimeZone(storage: JsonStorage): string {
  const timeZone = storage.read('timeZone');
  if (typeof timeZone !== 'string') return '';
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone === '' ? '' : timeZone;
  } catch (error) {
    if (error instanceof RangeError) return '';
    throw error;
  }
}
