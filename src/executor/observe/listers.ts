/**
 * Tools that ask one part of the kernel for what is plugged in, each with the folder in which that part shows one entry a
 * piece (Documentation/ABI of Linux). Where the folder is not there or empty, this host has nothing that they could speak of.
 */
const LISTERS: ReadonlyMap<string, string> = new Map([
  ['lsusb', '/sys/bus/usb/devices'],
  ['lspci', '/sys/bus/pci/devices'],
  ['iw', '/sys/class/ieee80211'],
  ['iwconfig', '/sys/class/ieee80211'],
  ['hciconfig', '/sys/class/bluetooth'],
  ['hcitool', '/sys/class/bluetooth'],
  ['bluetoothctl', '/sys/class/bluetooth'],
  ['aplay', '/sys/class/sound'],
  ['arecord', '/sys/class/sound'],
  ['amixer', '/sys/class/sound'],
  ['v4l2-ctl', '/sys/class/video4linux'],
  ['v4l2-compliance', '/sys/class/video4linux'],
  ['mmc', '/sys/class/mmc_host'],
  ['nvme', '/sys/class/nvme'],
  ['gpiodetect', '/sys/bus/gpio/devices'],
  ['gpioinfo', '/sys/bus/gpio/devices'],
  ['i2cdetect', '/sys/bus/i2c/devices'],
  ['iio_info', '/sys/bus/iio/devices'],
  ['evtest', '/sys/class/input'],
  ['modetest', '/sys/class/drm'],
  ['rtcwake', '/sys/class/rtc'],
  ['hwclock', '/sys/class/rtc'],
]);

/** All of them; a stand-in tells of each that they were called. */
export const LISTING_TOOLS: readonly string[] = [...LISTERS.keys()];

/** The folder a tool lists; undefined: it is none of them. */
export function listedBy(tool: string): string | undefined {
  return LISTERS.get(tool);
}

/** The tools that list a folder, by which a text names it. */
export function listersOf(path: string): readonly string[] {
  return LISTING_TOOLS.filter((tool) => LISTERS.get(tool) === path);
}
