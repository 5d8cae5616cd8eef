/**
 * A Perl program that is told by the kernel of every command that no entry of PATH has. It mounts an empty folder of
 * autofs (protocol 5, indirect), the last entry of PATH: the kernel holds whoever looks for a name there, gives us the
 * name, and we say that there is no such file, as there is none. What looks meets exactly what it would have met without
 * us; where we die the kernel says the same without asking. Now and then it looks whether a file system is full.
 *
 * Arguments: folder of the session, head of its marks, and the folder to mount. Packets and calls:
 * linux/auto_fs.h. Prints `on` when it watches.
 */
export const WATCHER = `use strict;
my ($d, $head, $gone) = @ARGV;
$SIG{PIPE} = 'IGNORE';
setpgrp(0, 0);
$^F = 255;
pipe(my $from, my $to) or exit 1;
mkdir $gone, 0755;
my $options = 'fd=' . fileno($to) . ",pgrp=$$,minproto=5,maxproto=5,indirect";
system('mount', '-n', '-t', 'autofs', '-o', $options, 'testyard', $gone) == 0 or exit 1;
close $to;
$^F = 2;
open(my $out, '+<', "$d/.out") or exit 1;
sysopen(my $root, $gone, 0) or exit 1;
sub mark {
  my $text = pack('u', join("\\0", '', @_) . "\\0");
  my $base64 = '';
  for my $line (split /\\n/, $text) {
    my $bytes = (ord($line) - 32) & 63;
    my $part = substr($line, 1);
    $part =~ tr#\\\` -_#AA-Za-z0-9+/#;
    $part = substr($part, 0, int(($bytes * 8 + 5) / 6));
    $part .= '=' x ((4 - length($part) % 4) % 4);
    $base64 .= $part;
  }
  syswrite($out, "$head$base64\\n") if length($base64) < 3900;
}
my $machine = (POSIX_machine());
sub POSIX_machine { my $m = \`uname -m\`; chomp $m; $m }
my $statfs = { x86_64 => 137, aarch64 => 43, riscv64 => 43 }->{$machine};
my (%full, @rooms);
my $looked = 0;
sub mounts {
  open(my $f, '<', '/proc/mounts') or return;
  @rooms = grep { !/\\\\/ } map { my @f = split ' '; ",$f[3]," =~ /,ro,/ || $f[2] eq 'autofs' ? () : $f[1] } <$f>;
  close $f;
}
sub rooms {
  return unless $statfs;
  mounts() if $looked++ % 20 == 0;
  for my $path (@rooms) {
    my $copy = "$path\\0";
    my $buffer = "\\0" x 256;
    next if syscall($statfs, $copy, $buffer) != 0;
    my (undef, $size, $blocks, undef, $free, $files, $nodes) = unpack('q7', $buffer);
    my $is = $blocks > 0 && ($free * $size < 65536 || ($files > 0 && $nodes == 0));
    mark('full', $path) if $is && !$full{$path};
    $full{$path} = $is;
  }
}
my %times;
sub sought {
  my ($name, $pid) = @_;
  return if ++$times{$name} > 50;
  my $line = '';
  if (open(my $f, '<', "/proc/$pid/cmdline")) { local $/; $line = <$f> // ''; close $f; }
  $line =~ tr/\\0/ /;
  mark('sought', $name, substr($line, 0, 300));
}
syswrite(STDOUT, "on\\n");
while (1) {
  my $ready = '';
  vec($ready, fileno($from), 1) = 1;
  if (select($ready, undef, undef, 0.05) > 0) {
    my $count = sysread($from, my $packet, 512);
    last unless $count;
    my (undef, undef, $token, undef, undef, undef, undef, undef, $pid, $length) = unpack('i2 L2 Q L5', $packet);
    my $name = substr($packet, 44, $length);
    eval { sought($name, $pid) };
    ioctl($root, 0x9361, $token + 0);
  }
  rooms();
}
`;
