const quietMs = 1_000

/** Says what is being done, unless it is done within a second. */
export async function sayIfSlow<Result>(doing: string, work: Promise<Result>): Promise<Result> {
  const timer = setTimeout(() => console.log(doing), quietMs)
  try {
    return await work
  } finally {
    clearTimeout(timer)
  }
}
