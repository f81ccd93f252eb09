import { execFileSync } from 'node:child_process';
import { fromBinary, isFieldSet } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  type ServiceDescriptorProto,
} from '@bufbuild/protobuf/wkt';

/** What the .proto files say, with their comments: what the page of the API is written from. */
export interface ApiContract {
  readonly services: readonly ApiService[];
  /** Messages and enums by their full name, e.g. `chat.v1.Part`. */
  readonly types: ReadonlyMap<string, ApiType>;
}

export interface ApiService {
  /** e.g. `chat.v1.ChatService`. */
  readonly fullName: string;
  readonly name: string;
  readonly comment: string;
  /** What stands at the head of its file. */
  readonly fileComment: string;
  readonly rpcs: readonly ApiRpc[];
}

export interface ApiRpc {
  readonly name: string;
  readonly comment: string;
  /** Full names. */
  readonly request: string;
  readonly response: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export type ApiType = ApiMessage | ApiEnum;

export interface ApiMessage {
  readonly kind: 'message';
  readonly name: string;
  readonly comment: string;
  readonly fields: readonly ApiField[];
}

export interface ApiField {
  readonly name: string;
  readonly comment: string;
  /** A scalar (`string`), or the full name of a type. */
  readonly type: string;
  readonly repeated: boolean;
  /** Of a map: the type of its keys; `type` is that of its values. */
  readonly keyType: string | undefined;
  /** The group of which one is set; undefined for a field of none. */
  readonly oneof: string | undefined;
}

export interface ApiEnum {
  readonly kind: 'enum';
  readonly name: string;
  readonly comment: string;
  readonly values: readonly { readonly name: string; readonly comment: string }[];
}

/** The package that clients speak; those of events are nobody's to see. */
const spoken = 'chat.v1';

/** Where the parts of a file are in the paths of its comments: field numbers of descriptor.proto. */
const inFile = { syntax: 12, message: 4, enum: 5, service: 6 } as const;
const inService = { method: 2 } as const;
const inMessage = { field: 2 } as const;
const inEnum = { value: 2 } as const;

/** Compiles the .proto files of the working directory. Throws what `buf` has to say about them. */
export function readContract(): ApiContract {
  const compiled = execFileSync('node_modules/.bin/buf', ['build', 'proto', '--as-file-descriptor-set', '-o', '-'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return contractOf(fromBinary(FileDescriptorSetSchema, compiled).file);
}

/** The contract in these files. */
export function contractOf(all: readonly FileDescriptorProto[]): ApiContract {
  const files = all.filter((file) => file.package === spoken);
  const types = new Map<string, ApiType>();
  for (const file of files) {
    const comments = commentsOf(file);
    file.messageType.forEach((message, index) => {
      types.set(`${spoken}.${message.name}`, messageOf(message, comments, [inFile.message, index]));
    });
    file.enumType.forEach((type, index) => {
      types.set(`${spoken}.${type.name}`, enumOf(type, comments, [inFile.enum, index]));
    });
  }
  const services = files.flatMap((file) => {
    const comments = commentsOf(file);
    return file.service.map((service, index) => serviceOf(service, comments, index));
  });
  return { services, types };
}

type Comments = (path: readonly number[]) => string;

/** The comment before each place of the file, its lines joined; '' where there is none. */
function commentsOf(file: FileDescriptorProto): Comments {
  const byPath = new Map<string, string>();
  for (const { path, leadingComments } of file.sourceCodeInfo?.location ?? []) {
    const text = leadingComments.trim().replaceAll(/\s*\n\s*/g, ' ');
    if (text !== '') byPath.set(path.join('.'), text);
  }
  return (path) => byPath.get(path.join('.')) ?? '';
}

function serviceOf(service: ServiceDescriptorProto, comments: Comments, index: number): ApiService {
  const path = [inFile.service, index];
  return {
    fullName: `${spoken}.${service.name}`,
    name: service.name,
    comment: comments(path),
    fileComment: comments([inFile.syntax]),
    rpcs: service.method.map((method, nth) => ({
      name: method.name,
      comment: comments([...path, inService.method, nth]),
      request: fullName(method.inputType),
      response: fullName(method.outputType),
      requestStream: method.clientStreaming,
      responseStream: method.serverStreaming,
    })),
  };
}

function messageOf(message: DescriptorProto, comments: Comments, path: readonly number[]): ApiMessage {
  return {
    kind: 'message',
    name: message.name,
    comment: comments(path),
    fields: message.field.map((field, index) => fieldOf(field, message, comments([...path, inMessage.field, index]))),
  };
}

function fieldOf(field: FieldDescriptorProto, message: DescriptorProto, comment: string): ApiField {
  const entry = message.nestedType.find(
    (nested) => nested.options?.mapEntry && field.typeName.endsWith(`.${message.name}.${nested.name}`),
  );
  const [key, value] = entry?.field ?? [];
  const inOneof = isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex) && !field.proto3Optional;
  return {
    name: field.name,
    comment,
    type: typeOf(value ?? field),
    repeated: entry === undefined && field.label === FieldDescriptorProto_Label.REPEATED,
    keyType: key === undefined ? undefined : typeOf(key),
    oneof: inOneof ? message.oneofDecl[field.oneofIndex]?.name : undefined,
  };
}

function enumOf(type: EnumDescriptorProto, comments: Comments, path: readonly number[]): ApiEnum {
  return {
    kind: 'enum',
    name: type.name,
    comment: comments(path),
    values: type.value.map(({ name }, index) => ({ name, comment: comments([...path, inEnum.value, index]) })),
  };
}

/** Descriptors write a full name with a dot before it. */
function fullName(typeName: string): string {
  return typeName.replace(/^\./, '');
}

function typeOf(field: FieldDescriptorProto): string {
  if (field.typeName !== '') return fullName(field.typeName);
  const name = FieldDescriptorProto_Type[field.type];
  if (name === undefined) throw new Error(`${field.name} is of the unknown type ${field.type}`);
  return name.toLowerCase();
}
