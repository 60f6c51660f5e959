/** Does the jobs, as many at a time as there are lanes; each lane has something of its own to do them with. */
export async function inLanes<Job, Lane>(
  jobs: readonly Job[],
  lanes: readonly Lane[],
  run: (job: Job, lane: Lane) => Promise<void>,
): Promise<void> {
  const queue = jobs.values()
  await Promise.all(
    lanes.map(async (lane) => {
      for (const job of queue) await run(job, lane)
    }),
  )
}
