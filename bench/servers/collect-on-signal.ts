// Loaded before the servers whose memory is compared: both show what they hold on to, not what they have not yet freed.
process.on('SIGUSR2', () => {
  globalThis.gc?.();
});
