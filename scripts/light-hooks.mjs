// Loaded before each test file: Node's test runner then follows callbacks, and no longer every promise. It follows them to say
// which test an error belongs to that nobody awaited; such an error fails its file as before, and is told as the file's own.
// Following each promise to its collection took a quarter of the processor time of all tests.
import asyncHooks from 'node:async_hooks';

const { createHook } = asyncHooks;

// the runner makes its one hook when `node:test` is first imported; whoever asks afterwards gets what was asked for
asyncHooks.createHook = (callbacks) => {
  asyncHooks.createHook = createHook;
  return createHook({ ...callbacks, trackPromises: false });
};
