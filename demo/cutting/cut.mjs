// Cuts a clip in the browser, before anything of it is sent: ten seconds at 360 lines.
// mediabunny reads the file piece by piece, so that a clip of any size fits into memory.

const LIBRARY = "./mediabunny-1.61.0.min.mjs"; // 0.7 MB, loaded when a clip is first looked into
const VIDEO_CODECS = ["vp8", "vp9", "avc"]; // what a browser encodes; the first that it can
const AUDIO_CODECS = ["opus", "aac"];
const FRAMES_PER_SECOND = 25;
const SAMPLE_RATE = 48000; // Opus has no other for what a model hears of it

/** Why a clip can't be cut here: `reason` is a key of the page's words. */
export class CutError extends Error {
  constructor(reason, detail = "") {
    super(`${reason}${detail && `: ${detail}`}`);
    this.reason = reason;
  }
}

/** Whether this browser has what cutting needs; it is kept from pages that are not secure. */
export const canCut = () =>
  typeof VideoDecoder === "function" &&
  typeof VideoEncoder === "function" &&
  typeof OffscreenCanvas === "function";

/**
 * What a file holds, without reading it whole.
 *
 * Returns { seconds, width, height, hasVideo, hasAudio }. Throws CutError("unreadable").
 */
export async function inspect(file) {
  const library = await import(LIBRARY);
  const input = open(library, file);
  try {
    const tracks = await tracksOf(input);
    const told = await input.getDurationFromMetadata();
    const seconds = (told ?? (await input.computeDuration())) - (await input.getFirstTimestamp());
    const { video, audio } = tracks;
    return {
      seconds,
      width: video ? await video.getDisplayWidth() : 0,
      height: video ? await video.getDisplayHeight() : 0,
      hasVideo: Boolean(video),
      hasAudio: Boolean(audio),
    };
  } finally {
    input.dispose();
  }
}

/**
 * The part from `start` of `seconds` as a new File of at most `lines` lines, WebM or MP4.
 *
 * Picture and sound keep their clock. onProgress gets 0 to 1; an aborted `signal` ends the work.
 * Throws CutError: "unreadable", "undecodable" (codec of the picture), "unencodable", "stopped".
 */
export async function cut(file, { start = 0, seconds = 10, lines = 360, onProgress, signal } = {}) {
  const library = await import(LIBRARY);
  const input = open(library, file);
  try {
    return await convert(library, input, file, { start, seconds, lines, onProgress, signal });
  } finally {
    input.dispose();
  }
}

function open(library, file) {
  return new library.Input({ source: new library.BlobSource(file), formats: library.ALL_FORMATS });
}

async function tracksOf(input) {
  try {
    const [video, audio] = [await input.getPrimaryVideoTrack(), await input.getPrimaryAudioTrack()];
    if (!video && !audio) throw new Error("no picture and no sound");
    return { video, audio };
  } catch (error) {
    throw new CutError("unreadable", error.message);
  }
}

async function convert(library, input, file, { start, seconds, lines, onProgress, signal }) {
  const { video } = await tracksOf(input);
  if (video && !(await video.canDecode())) throw new CutError("undecodable", await video.getCodec());
  const size = video && (await smaller(video, lines));
  const codecs = await encoders(library, size);
  const target = new library.BufferTarget();
  const webm = codecs.video !== "avc" && codecs.audio !== "aac";
  const output = new library.Output({
    format: webm ? new library.WebMOutputFormat() : new library.Mp4OutputFormat(),
    target,
  });
  const first = await input.getFirstTimestamp();
  const conversion = await library.Conversion.init({
    input,
    output,
    tracks: "primary",
    trim: { start: first + start, end: first + start + seconds },
    video: video
      ? {
          ...size,
          fit: "fill",
          codec: codecs.video,
          quality: library.QUALITY_HIGH,
          frameRate: FRAMES_PER_SECOND,
          forceTranscode: true,
          allowTransformationMetadata: false,
        }
      : { discard: true },
    audio: { codec: codecs.audio, sampleRate: SAMPLE_RATE, quality: library.QUALITY_HIGH },
    showWarnings: false,
  });
  if (!conversion.isValid) {
    throw new CutError("unencodable", conversion.discardedTracks.map((t) => t.reason).join(", "));
  }
  await run(conversion, onProgress, signal);
  const type = `${size ? "video" : "audio"}/${webm ? "webm" : "mp4"}`;
  const stem = file.name.replace(/\.[^.]*$/, "") || "clip";
  return new File([target.buffer], `${stem}.${webm ? "webm" : "mp4"}`, { type });
}

async function run(conversion, onProgress, signal) {
  conversion.onProgress = (share) => onProgress?.(share);
  const stop = () => conversion.cancel();
  if (signal?.aborted) throw new CutError("stopped");
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await conversion.execute();
  } catch (error) {
    throw new CutError(signal?.aborted ? "stopped" : "undecodable", error.message);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** Width and height of at most `lines` on the shorter side, both even; never larger than it is. */
async function smaller(video, lines) {
  const [width, height] = [await video.getDisplayWidth(), await video.getDisplayHeight()];
  const scale = Math.min(1, lines / Math.min(width, height));
  const even = (pixels) => Math.max(2, 2 * Math.round((pixels * scale) / 2));
  return { width: even(width), height: even(height) };
}

async function encoders(library, size) {
  const video = size && (await library.getFirstEncodableVideoCodec(VIDEO_CODECS, size));
  const audio = await library.getFirstEncodableAudioCodec(AUDIO_CODECS, {
    sampleRate: SAMPLE_RATE,
  });
  if (size && !video) throw new CutError("unencodable", "no video encoder");
  return { video, audio };
}
