import { readFileSync } from 'node:fs';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponseSchema,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';

/**
 * A protoc plugin that keeps the descriptors of what the server speaks as they are compiled, for server reflection: what proto-loader
 * makes of the same files, reflection clients cannot resolve. One file per group of .proto files; those of events are nobody's to see.
 */
const request = fromBinary(CodeGeneratorRequestSchema, readFileSync(0));
const [firstPath = ''] = request.fileToGenerate;
const group = firstPath.split('/').slice(0, -1).join('-');
const spoken = request.protoFile.filter(({ name }) => !name.startsWith('chat_events/'));
const lines = spoken.map((file) => `  '${Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString('base64')}',`);
const content = `// Generated. DO NOT EDIT.

/** FileDescriptorProtos of these .proto files and what they import, base64. */
export const fileDescriptors: readonly string[] = [
${lines.join('\n')}
];
`;
const response = create(CodeGeneratorResponseSchema, {
  supportedFeatures: BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL),
  file: [{ name: `descriptors/${group}.ts`, content }],
});
process.stdout.write(toBinary(CodeGeneratorResponseSchema, response));
