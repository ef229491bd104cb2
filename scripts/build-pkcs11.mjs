// Compiles the one native part of pkcs11js, through which Imprint speaks to HSMs, with the C++ compiler alone: node-gyp would
// fetch Node's headers from elsewhere and take ten times as long. Node-API is the same for every Node, and its headers are an npm package.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const sources = ['src/dl.cpp', 'src/common.cpp', 'src/main.cpp'];

/** Makes node_modules/pkcs11js/build/Release/pkcs11.node where it is not there for this version and machine. Gives a sentence where that failed. */
export function buildPkcs11(root, say) {
  const folder = `${root}node_modules/pkcs11js`;
  const headers = `${root}node_modules/node-api-headers`;
  if (![folder, headers].every(existsSync)) {
    return 'pkcs11js was not installed: it is an optional package. Remove node_modules/.imprint-setup and run this again';
  }
  const { version } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const stamp = `${folder}/build/Release/built`;
  const wanted = `${version} ${process.platform} ${process.arch}\n`;
  const product = `${folder}/build/Release/pkcs11.node`;
  if (existsSync(product) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return undefined;
  say('compiling pkcs11js (about 3 seconds)');
  mkdirSync(`${folder}/build/Release`, { recursive: true });
  const draft = `${product}.${process.pid}`;
  const linking = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared'];
  const compiled = spawnSync(
    process.env.CXX ?? 'g++',
    [
      ...['-std=c++17', '-O2', '-fPIC', ...linking],
      ...['-DNAPI_DISABLE_CPP_EXCEPTIONS', '-DNODE_GYP_MODULE_NAME=pkcs11', '-DBUILDING_NODE_EXTENSION'],
      ...[`-I${headers}/include`, `-I${folder}/includes`, '-o', draft],
      ...sources.map((source) => `${folder}/${source}`),
    ],
    { encoding: 'utf8' },
  );
  if (compiled.error) return 'there is no C++ compiler: install the package g++ and run this again';
  if (compiled.status !== 0) return `pkcs11js cannot be compiled: ${compiled.stderr}`;
  renameSync(draft, product);
  writeFileSync(stamp, wanted);
  return undefined;
}
