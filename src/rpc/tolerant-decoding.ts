import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { Refused } from '../domain/errors/catalogue.ts';

/** What stands for a request whose bytes are not one. */
class Malformed {
  readonly what: string;

  constructor(what: string) {
    this.what = what;
  }
}

/** Refuses strings that are not UTF-8, which would be decoded to replacement characters: the log would differ from what was sent. */
class StrictReader extends BinaryReader {
  override string(): string {
    return super.string(true);
  }
}

/**
 * The definition, its requests decoded strictly and without throwing: for what cannot be decoded grpc-js would tell the client INTERNAL, as
 * if the server had failed. Pass every request through `checkWellFormed`.
 */
export function withTolerantDecoding<D extends ServiceDefinition<UntypedServiceImplementation>>(definition: D): D {
  const methods = Object.entries(definition).map(([name, method]) => {
    const decode = (bytes: Buffer): unknown => {
      try {
        // Generated code passes what it is given to `decode`, which takes a reader as well.
        return method.requestDeserialize(new StrictReader(bytes) as unknown as Buffer);
      } catch (error) {
        return new Malformed(error instanceof Error ? error.message : String(error));
      }
    };
    return [name, { ...method, requestDeserialize: decode }];
  });
  return Object.fromEntries(methods) as D;
}

/** Throws FRAME_INVALID for a request that could not be decoded. */
export function checkWellFormed(request: unknown): void {
  if (request instanceof Malformed) throw new Refused('FRAME_INVALID', `the bytes are not a request: ${request.what}`);
}
