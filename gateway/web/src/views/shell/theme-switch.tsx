import { Icon } from '../common/icon.tsx';
import { type Theme, theme } from '../common/theme.ts';

const choices = [
  { value: 'system', words: 'Like the system', icon: 'screen' },
  { value: 'light', words: 'Light', icon: 'sun' },
  { value: 'dark', words: 'Dark', icon: 'moon' },
] as const satisfies readonly { readonly value: Theme; readonly words: string; readonly icon: string }[];

/** Dark or light, or whatever the system has. */
export function ThemeSwitch() {
  return (
    <fieldset class="theme">
      <legend class="unseen">Theme</legend>
      {choices.map(({ value, words, icon }) => (
        <label key={value} title={words}>
          <input
            type="radio"
            name="theme"
            class="unseen"
            aria-label={words}
            checked={theme.value === value}
            onChange={() => {
              theme.value = value;
            }}
          />
          <Icon name={icon} />
        </label>
      ))}
    </fieldset>
  );
}
