import { useId } from 'preact/hooks';
import type { Settings } from '../../client/app.ts';

const ofDevice = new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Any zone that the browser knows, or whatever the device has. */
export function TimeZoneField({ settings }: { readonly settings: Settings }) {
  const id = useId();
  const chosen = settings.timeZone.value;
  // UTC itself is in no browser's list.
  const zones = [...new Set(['UTC', ...Intl.supportedValuesOf('timeZone'), chosen])].filter((zone) => zone !== '');
  return (
    <div class="field">
      <label for={id}>Time zone</label>
      <select id={id} value={chosen} onChange={(event) => settings.setTimeZone(event.currentTarget.value)}>
        <option value="">Like this device ({ofDevice})</option>
        {zones.map((zone) => (
          <option key={zone} value={zone}>
            {zone.replaceAll('_', ' ')}
          </option>
        ))}
      </select>
    </div>
  );
}
