# SPDX-License-Identifier: MIT
# perl perl.pl serve ADDRESS DIRECTORY: HTTP::Daemon on port 8001, a child for each connection; TLS on 8002.
# perl perl.pl ask ADDRESS DIRECTORY: LWP and raw IO::Socket against both.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use HTTP::Daemon;
use HTTP::Response;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL;
use LWP::UserAgent;

my ($mode, $address, $dir) = @ARGV;
$SIG{CHLD} = 'IGNORE';

sub serve {
	my $daemon = HTTP::Daemon->new(LocalAddr => $address, LocalPort => 8001, ReuseAddr => 1, Listen => 64)
		or die "HTTP::Daemon: $@";
	my $tls = IO::Socket::SSL->new(LocalAddr => $address, LocalPort => 8002, ReuseAddr => 1, Listen => 64,
		SSL_cert_file => "$dir/cert.pem", SSL_key_file => "$dir/key.pem", SSL_startHandshake => 0)
		or die "IO::Socket::SSL: $!";
	my $ready = IO::Select->new($daemon, $tls);
	while (1) {
		for my $listener ($ready->can_read) {
			my $client = $listener->accept or next;
			if (fork() == 0) {
				$listener == $tls ? echo($client) : answer($client);
				exit 0;
			}
			$listener == $tls ? $client->close(SSL_no_shutdown => 1) : close $client;
		}
	}
}

sub answer {
	my ($client) = @_;
	while (my $request = $client->get_request) {
		$client->send_response(HTTP::Response->new(200, 'OK', ['Content-Type' => 'text/plain'],
			sha256_hex($request->content) . " for " . $client->peerhost));
	}
}

sub echo {
	my ($client) = @_;
	IO::Socket::SSL->start_SSL($client, SSL_server => 1, SSL_cert_file => "$dir/cert.pem",
		SSL_key_file => "$dir/key.pem") or die "start_SSL: $SSL_ERROR";
	while (my $line = <$client>) {
		chomp $line;
		print $client scalar reverse($line), "\n";
	}
}

sub ask {
	my $agent = LWP::UserAgent->new(keep_alive => 4, timeout => 20);
	my $body = join '', map { chr(rand 256) } 1 .. 300000;
	for (1 .. 20) {
		my $response = $agent->post("http://$address:8001/", Content => $body);
		die $response->status_line unless $response->is_success;
		die "wrong digest" unless index($response->content, sha256_hex($body) . " for ") == 0;
		print substr($response->content, 69), "\n" if $_ == 20;
	}
	my $tls = IO::Socket::SSL->new(PeerAddr => $address, PeerPort => 8002, SSL_ca_file => "$dir/cert.pem",
		SSL_verifycn_scheme => 'none') or die "TLS: $! $SSL_ERROR";
	for my $n (1 .. 200) {
		my $line = "$n " . 'x' x (37 * $n);
		print $tls "$line\n";
		die "TLS line $n" unless <$tls> eq reverse($line) . "\n";
	}
	IO::Socket::INET->new(PeerAddr => $address, PeerPort => 1, Timeout => 5) and die "port 1 answered";
	die "port 1: $!" unless $!{ECONNREFUSED};
}

$mode eq 'serve' ? serve() : ask();
