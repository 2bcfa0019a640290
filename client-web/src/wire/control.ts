/** Control messages in Protobuf (transport/wire/proto/control.proto). */
import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { ClientMessageSchema, ServerMessageSchema, type ServerMessage } from '../gen/control_pb.js';
import { writeFrame } from './frame';

export type FromServer = ServerMessage['message'];
export type ToServer = Exclude<NonNullable<MessageInitShape<typeof ClientMessageSchema>['message']>, { case: undefined }>;

/** A message of the client, ready for the control stream. */
export function writeControl(message: ToServer): Uint8Array {
  return writeFrame(toBinary(ClientMessageSchema, create(ClientMessageSchema, { message })));
}

/** One message of the server; `case` is undefined for what a later version says. */
export function parseControl(bytes: Uint8Array): FromServer | 'malformed' {
  try {
    return fromBinary(ServerMessageSchema, bytes).message;
  } catch {
    return 'malformed';
  }
}
