// Every code this package can raise, and what it means to the reader.

export const controllerErrors: Readonly<Record<string, string>> = {
  CONTROLLER_LEASE_LOST:
    'The lease that lets this program act could not be renewed in time or was taken by another, so its controllers stopped at once. Start the program again; if it happens often, the API server is too slow or out of reach.',
  CONTROLLER_PASS_TIMEOUT:
    'A controller took too long over one object; the attempt was aborted and will be made again. If it happens often, something that the controller calls does not answer.',
  CONTROLLER_STOPPED:
    'A controller was stopped in the middle of its work because the program ends; the next start goes on where it was.',
};
