import { Icon } from './icon.tsx';
import { type Theme, theme } from './theme.ts';

const choices = [
  { value: 'system', words: 'Like this device', icon: 'screen' },
  { value: 'light', words: 'Light', icon: 'sun' },
  { value: 'dark', words: 'Dark', icon: 'moon' },
] as const satisfies readonly { readonly value: Theme; readonly words: string; readonly icon: string }[];

/** Dark or light, or whatever the system has. */
export function ThemeSwitch() {
  return (
    <fieldset class="theme">
      <legend class="unseen">Theme</legend>
      {choices.map(({ value, words, icon }) => (
        <label key={value}>
          <input
            type="radio"
            name="theme"
            class="unseen"
            checked={theme.value === value}
            onChange={() => {
              theme.value = value;
            }}
          />
          <Icon name={icon} />
          {words}
        </label>
      ))}
    </fieldset>
  );
}
