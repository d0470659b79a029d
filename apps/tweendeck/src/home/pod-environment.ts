// What the processes of pods find in their environment.

/** Of this process's environment, and where the API is. */
export function podEnvironment(
  environment: Readonly<Record<string, string>>,
  apiServer: string,
): Readonly<Record<string, string>> {
  return { ...passedOn(environment), ...apiAddress(apiServer) };
}

function passedOn(environment: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const kept = ['PATH', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'HOME', 'XDG_CACHE_HOME'];
  return Object.fromEntries(
    kept.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Where programs in pods look for the API. */
function apiAddress(address: string): Readonly<Record<string, string>> {
  const { hostname, port } = new URL(address);
  return {
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
    KUBERNETES_SERVICE_PORT_HTTPS: port,
    KUBERNETES_PORT: `tcp://${hostname}:${port}`,
  };
}
