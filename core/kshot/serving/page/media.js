// Pictures and sound as files that the server reads.

const RATE = 48000;

function wav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const word = (place, text) => [...text].forEach((one, i) => view.setUint8(place + i, one.charCodeAt(0)));
  word(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); word(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  word(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, i) => view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, value)) * 32767, true));
  return new Blob([view], { type: "audio/wav" });
}

// Any sound that the browser decodes → 16-bit WAV, one channel.
async function asWav(blob) {
  const context = new OfflineAudioContext(1, 1, RATE);
  const sound = await context.decodeAudioData(await blob.arrayBuffer());
  const mono = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel++)
    sound.getChannelData(channel).forEach((value, i) => { mono[i] += value / sound.numberOfChannels; });
  return wav(mono, sound.sampleRate);
}

async function asPng(blob) {
  const bitmap = await createImageBitmap(blob);
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return new Promise((done, failed) => canvas.toBlob((png) => (png ? done(png) : failed()), "image/png"));
}

// A file as it is where the server reads its format; else as the browser can turn it into one.
async function readable(file, model) {
  if (model.suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix))) return file;
  const [turn, suffix] = model.modality === "image" ? [asPng, "png"] : [asWav, "wav"];
  try {
    return new File([await turn(file)], `${file.name}.${suffix}`);
  } catch {
    throw new Error(`${file.name}: neither the server nor this browser reads this format`);
  }
}

// A recording under way: `stop()` → a WAV file.
async function record(name) {
  if (!navigator.mediaDevices)
    throw new Error("Browsers give the microphone only to pages of this machine or by https. Upload a recording instead.");
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch((error) => {
    throw new Error(error.name === "NotAllowedError" ? "The microphone was not allowed." : "There is no microphone.");
  });
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.start();
  return {
    stop: () => new Promise((done, failed) => {
      recorder.onstop = async () => {
        stream.getTracks().forEach((track) => track.stop());
        try {
          done(new File([await asWav(new Blob(parts, { type: recorder.mimeType }))], name));
        } catch {
          failed(new Error("The recording is empty. Speak a little longer."));
        }
      };
      recorder.stop();
    }),
  };
}
