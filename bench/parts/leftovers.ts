/** Something that a test leaves behind, and what a test does that comes to grief by it. */
export interface Leftover {
  readonly name: string;
  /** Shell lines that leave it, twice as well as once. */
  readonly leave: string;
  /** Shell lines that end well only where it is not there. */
  readonly mind: string;
  /** It does not outlive the attempt: nothing is to be put back because of it. */
  readonly ends?: boolean;
}

/** What tests leave behind on hosts, of every kind that we have met. */
export const LEFTOVERS: readonly Leftover[] = [
  { name: 'tmp-file', leave: 'echo old >/tmp/session.lock', mind: '! test -e /tmp/session.lock' },
  {
    name: 'var-tmp',
    leave: 'mkdir -p /var/tmp/left/deep',
    mind: 'mkdir /var/tmp/left && rmdir /var/tmp/left',
  },
  {
    name: 'config',
    leave: "echo 'Verbose=yes' >/etc/meter.conf",
    mind: '! grep -qs Verbose=yes /etc/meter.conf',
  },
  {
    name: 'package',
    leave: `rm -rf /root/build; mkdir -p /root/build/DEBIAN
printf 'Package: leftover\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@example.org>\\nDescription: left\\n' >/root/build/DEBIAN/control
dpkg-deb -b /root/build /root/left.deb >/dev/null && dpkg -i /root/left.deb >/dev/null && rm -rf /root/build /root/left.deb`,
    mind: '! dpkg-query -W leftover 2>/dev/null',
  },
  { name: 'removed-package-file', leave: 'rm -f /usr/bin/comm', mind: 'comm /dev/null /dev/null' },
  {
    name: 'process',
    leave: 'setsid sleep 54321 >/dev/null 2>&1 &',
    mind: "! ps -e -o args= | grep -q '^[s]leep 54321'",
    ends: true,
  },
  {
    name: 'listener',
    leave: `setsid perl -MIO::Socket -e 'my $s = IO::Socket::INET->new(Listen => 1, LocalPort => 4711) or exit; sleep 5000' >/dev/null 2>&1 &`,
    mind: `perl -MIO::Socket -e 'exit(IO::Socket::INET->new(Listen => 1, LocalPort => 4711) ? 0 : 1)'`,
    ends: true,
  },
  {
    name: 'environment-file',
    leave: "echo 'METER_MODE=fast' >>/etc/environment",
    mind: '! grep -qs METER_MODE /etc/environment',
  },
  {
    name: 'profile',
    leave: "echo 'export METER=1' >/etc/profile.d/meter.sh",
    mind: `sh -lc 'test -z "$METER"'`,
  },
  {
    name: 'user',
    leave: 'id meter >/dev/null 2>&1 || useradd meter',
    mind: 'useradd meter && userdel meter',
  },
  {
    name: 'group',
    leave: 'getent group meters >/dev/null || groupadd meters',
    mind: 'groupadd meters && groupdel meters',
  },
  {
    name: 'cron',
    leave: "mkdir -p /etc/cron.d; echo '* * * * * root true' >/etc/cron.d/meter",
    mind: '! ls /etc/cron.d 2>/dev/null | grep -qx meter',
  },
  {
    name: 'sysctl',
    leave: 'echo 61 >/proc/sys/net/ipv4/ip_default_ttl',
    mind: 'test "$(cat /proc/sys/net/ipv4/ip_default_ttl)" = 64',
  },
  {
    name: 'mount',
    // Each attempt has a view of the mounts of its own.
    ends: true,
    leave: 'mkdir -p /opt/disk; mountpoint -q /opt/disk || mount -t tmpfs tmpfs /opt/disk',
    mind: '! mountpoint -q /opt/disk',
  },
  {
    name: 'path-hijack',
    leave: "printf '#!/bin/sh\\nexit 3\\n' >/usr/local/bin/sort; chmod 755 /usr/local/bin/sort",
    mind: 'echo x | sort >/dev/null',
  },
  {
    name: 'locale',
    leave: "mkdir -p /etc/default; echo 'LANG=tlh' >/etc/default/locale",
    mind: '! grep -qs tlh /etc/default/locale',
  },
  { name: 'umask', leave: "echo 'umask 077' >>/root/.profile", mind: `test "$(sh -lc umask)" = 0022` },
  {
    name: 'hosts-file',
    leave: "echo '127.0.0.9 mirror.example' >>/etc/hosts",
    mind: '! getent hosts mirror.example',
  },
  { name: 'mode', leave: 'chmod 644 /usr/bin/nl', mind: 'nl /dev/null' },
  {
    name: 'swapped-program',
    leave: 'printf "#!/bin/sh\\necho 7\\n" >/usr/bin/nproc',
    mind: 'test "$(nproc --version | wc -l)" -gt 1',
  },
  { name: 'home', leave: 'echo hold >/root/.meterrc', mind: '! test -e /root/.meterrc' },
  { name: 'shared-memory', leave: 'echo x >/dev/shm/meter', mind: 'test -z "$(ls /dev/shm)"' },
  {
    name: 'ipc',
    leave: 'ipcs -m | grep -q 0x0000beef || ipcmk -M 64 >/dev/null',
    mind: 'test "$(ipcs -m | grep -c "^0x")" = 0',
  },
  {
    name: 'lock-file',
    leave: 'echo $$ >/run/lock/meter',
    mind: 'set -C; : >/run/lock/meter && rm /run/lock/meter',
  },
  {
    name: 'time-zone',
    leave: 'ln -sf /usr/share/zoneinfo/Asia/Tokyo /etc/localtime',
    mind: 'test "$(readlink /etc/localtime)" != /usr/share/zoneinfo/Asia/Tokyo',
  },
  {
    name: 'unchangeable',
    leave: 'chattr -f -i /etc/meter.lock; : >/etc/meter.lock; chattr -f +i /etc/meter.lock; :',
    mind: '! test -e /etc/meter.lock',
  },
];
