// What a test asks of something that must fail.

/** The error that this rejects with. */
export async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("this should have failed");
}
