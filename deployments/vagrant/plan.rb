# The plan: which containers there are, in what order they start, and what `docker run` is told for each.

require 'digest'
require 'ipaddr'
require 'json'
require 'securerandom'
require 'socket'
require_relative 'settings'

module Xylem
  # Machine is one container. ports are by the host's port that of the container; digest is of all that it was
  # made from.
  Machine = Struct.new(:name, :kind, :image, :args, :command, :ports, :volume, :digest, keyword_init: true) do
    def node?
      kind == :node
    end

    def ssh?
      kind != :zookeeper
    end
  end

  # Plan is made from the settings and the checkout's id: the same ones make the same plan.
  class Plan
    NETWORK = 'xylem'.freeze
    HOST = '127.0.0.1'.freeze # whoever reaches a node may read and write: nobody else's business
    SSH = 2200                # ssh of NODE-k is at this plus k, that of cli at this
    STOP_TIMEOUT = 20         # seconds, as long as a graceful stop may take
    CONFIG = '/etc/xylem/tree.yaml'.freeze
    SECRET = '/run/secrets/xylem'.freeze

    attr_reader :root, :subnet, :startup_delay, :machines

    def initialize(root, environ)
      @root = root
      @settings = Settings.new(root, environ)
      @given = [environ['VAGRANT_XYLEM_CHECKOUT']].find { |id| id && !id.empty? }
      @checkout = @given || (File.exist?(checkout_file) ? File.read(checkout_file).strip : SecureRandom.hex(6))
      @nodes = 2**@settings.integer('tree.depth', 1..16) - 1
      @first = @settings.integer('tree.root', 1..@nodes)
      @startup_delay = @settings.seconds('tree.startup_delay')
      @port = @settings.integer('api.port', 1..65_535)
      @base = @settings.integer('api.host_port_base', 0..65_535 - @nodes)
      @subnet = subnet_with_room
      @machines = [zookeeper] + [@first, *(1..@nodes).to_a - [@first]].map { |k| node(k) } + [cli]
      check_ports
    end

    # machine_named is nil where the plan has no such machine.
    def machine_named(name)
      @machines.find { |machine| machine.name == name }
    end

    # config is the file that the containers read, by its full path.
    def config
      @settings.file
    end

    # labels are on all that is made here. They tell it from what another checkout made, wherever this one
    # is moved.
    def labels
      ['xylem.deployment=vagrant', "xylem.checkout=#{@checkout}"]
    end

    # keep_checkout writes down the id that was drawn, before anything is made that is known by it. One that was
    # given, as the trial does to find what an interrupted trial has left, is not the checkout's own.
    def keep_checkout
      File.write(checkout_file, "#{@checkout}\n", perm: 0o444) unless @given || File.exist?(checkout_file)
    end

    # asked are the machines that the words of a command mean, as Vagrant takes them: names, /patterns/ and
    # beginnings of the ids that `vagrant global-status` shows. Without any, all are meant.
    def asked(words, ids)
      names = @machines.map(&:name)
      meant = names.select do |name|
        words.any? do |word|
          pattern = word[%r{\A/(.+)/\z}, 1]
          pattern ? name.match?(pattern) : name == word || ids[name]&.start_with?(word)
        end
      end
      meant.empty? ? names : meant
    end

    # taken is the refusal of the subnet when a network has it, or some of it.
    def taken(network, subnet)
      @settings.refusal('deployment.subnet', "Docker's network #{network} has #{subnet} already: choose another subnet, or remove that network")
    end

    def key
      File.join(@root, 'deployments/secrets/id_ed25519')
    end

    private

    def checkout_file
      File.join(@root, 'deployments/secrets/checkout')
    end

    def subnet_with_room
      text = @settings.text('deployment.subnet')
      network = ip_network(text)
      unless network&.ipv4? && network.prefix.between?(8, 28) && text == "#{network}/#{network.prefix}"
        raise @settings.refusal('deployment.subnet', 'allowed is an IPv4 network of 8 to 28 bits, such as 10.0.1.0/24')
      end
      room = 2**(32 - network.prefix) - 2 - 10
      return network if @nodes <= room

      raise @settings.refusal('deployment.subnet', "it has room for #{room} nodes, and depth #{@settings.text('tree.depth')} has #{@nodes}")
    end

    def ip_network(text)
      IPAddr.new(text)
    rescue IPAddr::Error
      nil
    end

    # zookeeper's variable is read by the official image alone: all that it keeps goes into one volume.
    def zookeeper
      machine('zookeeper', :zookeeper, 2, image: @settings.text('deployment.zookeeper_image'), volume: 'xylem-zookeeper',
              env: { 'ZOO_DATA_LOG_DIR' => '/data' })
    end

    def node(k)
      machine("NODE-#{k}", :node, 10 + k,
              ports: { @base + k => @port, SSH + k => 22 }, volume: "xylem-NODE-#{k}", command: ['node', '--id', k.to_s],
              files: { secret => SECRET },
              env: { 'XYLEM_AUTH_CLUSTER_SECRET_FILE' => SECRET, 'XYLEM_DATA_DIR' => '/data', 'XYLEM_COORDINATOR_KIND' => 'zookeeper',
                     'XYLEM_COORDINATOR_ZOOKEEPER_SERVERS' => 'zookeeper:2181' })
    end

    def cli
      machine('cli', :cli, 3, ports: { SSH => 22 })
    end

    def secret
      File.join(@root, 'deployments/secrets/cluster.secret')
    end

    # machine puts together what `docker run` is told. Those that run our binary get the configuration, and
    # the key that lets `vagrant ssh` in.
    def machine(name, kind, host, image: 'xylem/vagrant', ports: {}, volume: nil, command: [], files: {}, env: {})
      unless kind == :zookeeper
        files = { config => CONFIG, "#{key}.pub" => '/etc/xylem/authorized_keys' }.merge(files)
        env = @settings.variables.merge('XYLEM_CONFIG' => CONFIG, 'XYLEM_CLIENT_URL' => 'http://NODE-{id}:{api.port}').merge(env)
      end
      args = ['--network', NETWORK, '--ip', address(host), '--hostname', name, '--init']
      ports.each { |outside, inside| args.push('--publish', "#{HOST}:#{outside}:#{inside}") }
      files.each { |outside, inside| args.push('--mount', "type=bind,src=#{outside},dst=#{inside},readonly") }
      args.push('--mount', ["type=volume,src=#{volume},dst=/data", *labels.map { |label| "volume-label=#{label}" }].join(',')) if volume
      env.each { |variable, value| args.push('--env', "#{variable}=#{value}") }
      digest = Digest::SHA256.hexdigest(JSON.generate([image, args, command, @settings.to_h]))[0, 12]
      (labels + ["xylem.plan=#{digest}"]).each { |label| args.push('--label', label) }
      Machine.new(name: name, kind: kind, image: image, args: args, command: command, ports: ports, volume: volume, digest: digest)
    end

    def address(host)
      IPAddr.new(@subnet.to_i + host, Socket::AF_INET).to_s
    end

    def check_ports
      taken = {}
      @machines.each do |machine|
        machine.ports.each_key do |port|
          if taken[port]
            raise @settings.refusal('api.host_port_base', "port #{port} on the host is that of #{taken[port]} and of #{machine.name}: ssh has #{SSH} to #{SSH + @nodes}")
          end
          taken[port] = machine.name
        end
      end
    end
  end
end
