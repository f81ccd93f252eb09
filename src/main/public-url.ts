import { hostname } from 'node:os';
import type { Config, S3Config } from '../config/config.ts';

/** The HTTP port as clients reach it: as configured, or as listened on; an address that stands for all of them is told as the machine's name. */
export function publicUrlOf({ media, tls }: Pick<Config, 'media' | 'tls'>, httpAddress: string): string {
  if (media.publicUrl !== '') return media.publicUrl;
  const address = httpAddress.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, hostname());
  return `${tls === undefined ? 'http' : 'https'}://${address}`;
}

/** Origins of the URLs of media. */
export function mediaOrigins(config: Config, httpAddress: string): readonly string[] {
  const { distributed } = config;
  if (distributed === undefined) return [new URL(publicUrlOf(config, httpAddress)).origin];
  const { publicEndpoint, endpoint } = distributed.s3;
  return publicEndpoint || endpoint ? [new URL(publicEndpoint || endpoint).origin] : originsAtAws(distributed.s3);
}

/** A bucket has a host of its own, unless the dots in its name would break the certificate. */
function originsAtAws({ bucket, region }: S3Config): readonly string[] {
  return [`https://${bucket}.s3.${region}.amazonaws.com`, `https://s3.${region}.amazonaws.com`];
}
