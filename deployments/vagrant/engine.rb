# What happens around Vagrant's own work: before the first container of an `up`, between containers, and
# after the last one went. All of it may be repeated, and changes nothing then.

require 'open3'
require_relative 'plan'
require_relative 'refusals'

module Xylem
  # Engine talks to Docker by its command line, as Vagrant does.
  class Engine
    include Refusals

    ZOOKEEPER_DEADLINE = 60 # seconds
    # What `srvr` answers begins with its version; "Mode:" is there once it serves. The health checks in
    # deployments/docker/zookeeper/Dockerfile and deployments/compose/compose.yaml.tmpl ask the same. Asked while it
    # starts, it may fail inside and keep the connection open without a word.
    ZOOKEEPER_SERVES = 'exec 3<>/dev/tcp/localhost/2181 && echo srvr >&3 && grep -q ^Mode: <&3'.freeze

    def initialize(plan)
      @plan = plan
    end

    # reach refuses to go on without an engine, which every command of Vagrant asks sooner or later.
    def reach
      out, status = Open3.capture2e('docker', 'version', '--format', '{{.Server.Version}}')
      return if status.success?

      advice = elsewhere? ? 'start the engine at DOCKER_HOST, or unset it' : '`deployments/engine start` starts it'
      raise Problem, "Docker does not answer: #{advice}. It says: #{out.lines.last.to_s.strip}"
    rescue Errno::ENOENT
      advice = elsewhere? ? 'install it, for the engine at DOCKER_HOST' : '`deployments/engine start` installs and starts it where it may'
      raise Problem, "There is no docker on the PATH: #{advice}"
    end

    # prepare makes what containers need, once for an `up` of all or some of the machines. ids are the
    # containers that Vagrant knows, by name. Refusals come first: nothing was made then.
    def prepare(names, ids)
      return if @prepared

      containers = ours
      refuse_strangers(containers, ids)
      refuse_taken_ports(names, containers)
      refuse_unusable_network(names, containers)
      build
      @plan.keep_checkout
      remove_outdated(names.size == @plan.machines.size ? containers : containers.slice(*names), ids)
      make_network
      @prepared = true
    end

    # await_zookeeper returns when it answers: nodes that start before it would only wait for it.
    def await_zookeeper
      deadline = now + ZOOKEEPER_DEADLINE
      until succeeds?('exec', 'zookeeper', 'timeout', '5', 'bash', '-c', ZOOKEEPER_SERVES)
        raise Problem, "ZooKeeper does not answer within #{ZOOKEEPER_DEADLINE}s: `docker logs zookeeper` says why" if now > deadline

        sleep 0.2
      end
    end

    # pause keeps nodes apart: the first one that is started waits for nothing.
    def pause
      sleep @plan.startup_delay if @started
      @started = true
    end

    # clear takes away what a destroyed machine leaves: its data, and with the last machine all the rest,
    # the containers of a formerly greater depth too. A destroy that was declined destroyed nothing. ids are
    # the containers that Vagrant still knows.
    def clear(name, ids, forced:)
      clear_lost(name, ids, forced)
      left = ours.keys
      if (left & @plan.machines.map(&:name)).empty?
        docker('rm', '--force', *left) unless left.empty?
        volumes = docker('volume', 'ls', '--quiet', *filters).split
        docker('volume', 'rm', *volumes) unless volumes.empty?
        docker('network', 'rm', Plan::NETWORK) if network
      elsif !left.include?(name)
        volume = @plan.machine_named(name)&.volume
        docker('volume', 'rm', '--force', volume) if volume
      end
    end

    private

    # elsewhere says whether the engine is one that `deployments/engine` keeps its hands off.
    def elsewhere?
      !ENV['DOCKER_HOST'].to_s.empty?
    end

    # clear_lost destroys what Vagrant no longer knows, or not yet when it was killed. It asks nobody then,
    # so that this is for those who wanted no question.
    def clear_lost(name, ids, forced)
      found = ours[name]
      return if found.nil? || ids[name] == found[:id]
      return puts("#{name} is there, and Vagrant lost track of it: `vagrant destroy -f` removes it") unless forced

      puts "removing #{name}, which Vagrant lost track of"
      docker('rm', '--force', name)
    end

    # ours are the containers of this checkout: by name the digest of their plan, their image and whether
    # they run.
    def ours
      ids = docker('ps', '--all', '--quiet', *filters).split
      return {} if ids.empty?

      format = '{{.Name}} {{index .Config.Labels "xylem.plan"}} {{.Image}} {{.State.Running}} {{.Id}}'
      docker('inspect', '--format', format, *ids).lines.to_h do |line|
        name, digest, image, running, id = line.split
        [name.delete_prefix('/'), { digest: digest, image: image, running: running == 'true', id: id }]
      end
    end

    def filters
      @plan.labels.flat_map { |label| ['--filter', "label=#{label}"] }
    end

    # remove_outdated removes containers that the plan has no more, or has otherwise, or from another image,
    # and those that a failed start left. Their data is on volumes, and Vagrant makes them anew: so when only
    # some machines are to be up it is for those alone.
    def remove_outdated(containers, ids)
      outdated = containers.keys.sort_by { |name| [name[/\d+/].to_i, name] }.group_by { |name| why(name, containers[name], ids) }
      outdated.delete(nil)
      outdated.each { |reason, names| puts format(reason, names.join(', ')) }
      # ZooKeeper last, so that the nodes can take their leave of it.
      outdated.values.flatten.partition { |name| name != 'zookeeper' }.reject(&:empty?).each do |names|
        docker('stop', '-t', Plan::STOP_TIMEOUT.to_s, *names)
        docker('rm', *names)
      end
    end

    # why says, with a place for names, what is done with a container that is not as planned.
    def why(name, found, ids)
      machine = @plan.machine_named(name)
      return 'removing %s: beyond tree.depth; the volumes stay' unless machine
      return 'making anew %s: Vagrant lost track of it' if ids[name] != found[:id]
      return 'making anew %s: the configuration changed' if machine.digest != found[:digest]

      'making anew %s: the image changed' if image(machine.image) != found[:image]
    end

    def image(name)
      (@images ||= {})[name] ||= docker('image', 'inspect', '--format', '{{.Id}}', name).strip
    end

    # make_network makes it anew when it is of another subnet: nothing is attached to it any more then.
    def make_network
      return if network == wanted_network

      docker('network', 'rm', Plan::NETWORK) if network
      docker('network', 'create', '--subnet', wanted_network, *@plan.labels.flat_map { |label| ['--label', label] }, Plan::NETWORK)
    end

    # network is the subnet of ours, if it is there.
    def network
      return if docker('network', 'ls', '--quiet', '--filter', "name=^#{Plan::NETWORK}$", *filters).strip.empty?

      docker('network', 'inspect', '--format', '{{(index .IPAM.Config 0).Subnet}}', Plan::NETWORK).strip
    end

    def wanted_network
      "#{@plan.subnet}/#{@plan.subnet.prefix}"
    end

    # build makes the secrets too, and has the binary look at the whole configuration.
    def build
      script = File.join(@plan.root, 'deployments/docker/build')
      raise Problem, "#{script} failed, see above" unless system({ 'XYLEM_CONFIG' => @plan.config }, script, 'vagrant', 'zookeeper', chdir: @plan.root)
    end

    def succeeds?(*args)
      Open3.capture2e('docker', *args)[1].success?
    end

    def docker(*args)
      out, err, status = Open3.capture3('docker', *args)
      return out if status.success?

      raise Problem, "docker #{args.first(2).join(' ')} failed: #{err.strip.lines.last.to_s.strip}"
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
