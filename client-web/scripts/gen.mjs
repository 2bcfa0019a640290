// Generates src/gen from the control protocol with the system's protoc and the plugin of protobuf-es.
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const protos = resolve(root, '../transport/wire/proto');
const proto = join(protos, 'control.proto');
const out = join(root, 'src/gen');
const generated = join(out, 'control_pb.js');

const changedAt = (file) => {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return 0;
  }
};

if (changedAt(generated) <= Math.max(changedAt(proto), changedAt(join(root, 'package-lock.json')))) {
  mkdirSync(out, { recursive: true });
  try {
    execFileSync(
      'protoc',
      [
        `--plugin=protoc-gen-es=${join(root, 'node_modules/.bin/protoc-gen-es')}`,
        `--proto_path=${protos}`,
        `--es_out=${out}`,
        '--es_opt=target=js+dts',
        proto,
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
  } catch (error) {
    console.error(
      error.code === 'ENOENT'
        ? 'error: protoc is missing: apt-get install protobuf-compiler'
        : `error: protoc failed on ${proto}`,
    );
    process.exit(1);
  }
}
