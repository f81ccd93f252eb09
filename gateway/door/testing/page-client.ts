import { create, createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { fileDescriptors } from '../../../src/gen/descriptors/chat-v1.ts';

const registry: FileRegistry = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: fileDescriptors.map((file) => fromBinary(FileDescriptorProtoSchema, Buffer.from(file, 'base64'))),
  }),
);

/** A client of which only the contract knows the types. */
// biome-ignore lint/suspicious/noExplicitAny: nothing is generated for it
export type PageClient = Record<string, (request: any, options?: object) => any>;

/** The client that pages have, of a service such as `ChatService`. */
export function pageClient(service: string, baseUrl: string): PageClient {
  const description = registry.getService(`chat.v1.${service}`);
  if (description === undefined) throw new Error(`no service ${service} in the contract`);
  return createClient(description, createGrpcWebTransport({ baseUrl })) as PageClient;
}
