// Says what the checks of a runtime came to, in the words of Rust's test programs, which `npm test` counts.

/** Runs a runtime's checks, which resolve to `[{ name, problem }]`; prints them, and gives back how many failed. */
export async function report(runtime, test) {
  console.log(`\n${runtime}`);
  const start = performance.now();
  const results = await test().catch((error) => [{ name: "runs", problem: error?.stack ?? String(error) }]);
  if (!results.length) results.push({ name: "runs", problem: "it made no check" });
  for (const { name, problem } of results) console.log(`test ${runtime}: ${name} ... ${problem ? `FAILED\n${problem}` : "ok"}`);
  const failed = results.filter(({ problem }) => problem).length;
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  const counts = `${results.length - failed} passed; ${failed} failed; 0 ignored;`;
  console.log(`test result: ${failed ? "FAILED" : "ok"}. ${counts} finished in ${seconds}s`);
  return failed;
}
