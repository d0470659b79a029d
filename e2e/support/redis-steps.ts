// What the platform did to a cluster, as its log has it: of events there are not so many, similar ones become one.

/** Ids of steps in order, from what a home wrote on standard error. */
export function stepsIn(log: string, cluster: string): readonly string[] {
  return log.split('\n').flatMap((line) => {
    if (!line.includes('"message":"step"')) return [];
    const said = JSON.parse(line);
    return said.cluster === cluster ? [String(said.step)] : [];
  });
}
