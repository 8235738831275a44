// Two workers: one adds a key, the other looks for it. npm install koffi
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const koffi = require('koffi');

const lib = koffi.load('libkeyutils.so.1');
const getKeyringId = lib.func('int keyctl_get_keyring_ID(int ring, int create)');
const addKey = lib.func('int add_key(str type, str name, str value, size_t size, int ring)');
const search = lib.func('long keyctl_search(int ring, str type, str name, int destination)');
const PROCESS = -2;

if (isMainThread) {
    getKeyringId(PROCESS, 1); // the fix
    const looker = new Worker(__filename, { workerData: 'look' });
    looker.once('online', () => {
        const adder = new Worker(__filename, { workerData: 'add' });
        adder.once('message', () => looker.postMessage('look'));
        looker.once('message', found => {
            console.log('found:', found);
            adder.postMessage('end');
        });
    });
} else if (workerData === 'add') {
    addKey('user', 'db', 'correct horse battery', 21, PROCESS);
    parentPort.once('message', () => {});
    parentPort.postMessage('added');
} else {
    parentPort.once('message', () => parentPort.postMessage(search(PROCESS, 'user', 'db', 0)));
}
